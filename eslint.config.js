// Lint rules: type-aware TypeScript rules, plus the few house rules that a general linter can hold.
import tseslint from 'typescript-eslint';

const onlyIn = (name, files, message) => ({ name, files, message });
const housePackages = [
  onlyIn('serialport', 'src/transports/serial', 'Only src/transports/serial talks to serialport.'),
  onlyIn('prom-client', 'src/monitoring', 'Only src/monitoring imports prom-client.'),
  onlyIn('better-sqlite3', 'src/store', 'No SQL outside src/store.'),
  onlyIn('kysely', 'src/store', 'No SQL outside src/store.'),
  onlyIn('fastify', 'src/service', 'HTTP lives in src/service.'),
];
const restrict = (allowed) => ({
  'no-restricted-imports': [
    'error',
    {
      paths: housePackages
        .filter((p) => !allowed.includes(p.name))
        .map(({ name, message }) => ({ name, message, allowTypeImports: false })),
    },
  ],
});

export default tseslint.config(
  {
    ignores: [
      'dist',
      'node_modules',
      'coverage',
      'src/link/messages/generated',
      'src/client/generated',
      'firmware-sim/chip/kernel/assembly',
      '**/*.cjs',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...restrict([]),
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['src/transports/serial/**'], rules: restrict(['serialport']) },
  { files: ['src/monitoring/**'], rules: restrict(['prom-client']) },
  { files: ['src/store/**'], rules: restrict(['better-sqlite3', 'kysely']) },
  { files: ['src/service/**'], rules: restrict(['fastify']) },
  { files: ['scripts/**', 'bench/**', 'examples/**', 'test/fuzz/main.ts'], rules: { 'no-console': 'off' } },
  { files: ['**/*.js'], rules: { eqeqeq: 'error' } },
);
