// Import downwards: not upwards, not sideways. This ladder is the architecture; what follows only enforces it.
const LADDER = [
  ['kernel'],
  ['storage', 'telemetry'],
  ['audit-log'],
  ['projections', 'operations'],
  ['access'],
  ['search'],
  ['memories', 'sessions', 'documents', 'work', 'jobs', 'backup'],
  ['assembly'],
];

const rooms = LADDER.flat();
const oneOf = (names) => `(${names.join('|')})`;
const libs = (names) => `^libs/${oneOf(names)}/`;
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

// The parts of a lib that must stay pure, whoever reads them: rules, facts, tables, questions.
const CORE = '^libs/(kernel/|[^/]+/[^/]+\\.(events|decider|projector|reads)\\.ts$)';
const NEST = 'node_modules/@nestjs/';
const DRIVER = 'node_modules/(better-sqlite3|sqlite-vec)';
// Built-in modules that compute and touch nothing outside the process.
const HARMLESS = '^(node:)?util$';

const ladder = LADDER.flatMap((rung, height) => {
  const above = LADDER.slice(height + 1).flat();
  return rung.flatMap((room) => {
    const beside = rung.filter((other) => other !== room);
    return [
      rule(
        'never-up',
        'A lib imports what lies below it on the ladder.',
        { path: libs([room]) },
        { path: above.length > 0 ? `^(apps/|libs/${oneOf(above)}/)` : '^apps/' },
      ),
      ...(beside.length === 0
        ? []
        : [
            rule(
              'never-sideways',
              'Neighbours on a rung do not know each other; what both need lies below, what joins them above.',
              { path: libs([room]) },
              { path: libs(beside) },
            ),
          ]),
    ];
  });
});

export default {
  forbidden: [
    ...ladder,
    rule(
      'on-the-ladder',
      'Every lib has its place in LADDER, or the rules above do not see it.',
      { path: `^libs/(?!${oneOf(rooms)}/)` },
      {},
    ),
    rule('on-the-ladder', 'Nobody enters a lib that has no place.', {}, { path: `^libs/(?!${oneOf(rooms)}/)` }),
    rule(
      'apps-stand-apart',
      'Programs share libs, not files; one may only start another by its main.ts.',
      { path: '^apps/([^/]+)/' },
      { path: '^apps/(?!$1/)', pathNot: '^apps/[^/]+/main\\.ts$' },
    ),
    rule(
      'front-doors-only',
      'Another lib is entered by its index.ts (#lib) or its <lib>.module.ts (#lib/module).',
      { path: '^(libs|apps)/([^/]+)/' },
      { path: '^libs/(?!$2/)', pathNot: '^libs/([^/]+)/(index|\\1\\.module)\\.ts$' },
    ),
    rule(
      'no-own-front-door',
      'Inside a lib, import the file itself: the front door is for guests.',
      { path: '^libs/([^/]+)/' },
      { path: '^libs/$1/(index|$1\\.module)\\.ts$' },
    ),
    rule(
      'pure-core',
      'Kernel, events, deciders, projectors and reads import no framework, no driver and nothing that does I/O.',
      { path: CORE, pathNot: '^libs/kernel/' },
      { dependencyTypes: ['core'], pathNot: HARMLESS },
    ),
    rule(
      'pure-core',
      'The kernel may hash, and computes otherwise.',
      { path: '^libs/kernel/' },
      { dependencyTypes: ['core'], pathNot: '^(node:)?(util|crypto)$' },
    ),
    rule('pure-core', 'No framework and no driver in the core.', { path: CORE }, { path: `${NEST}|${DRIVER}` }),
    rule(
      'rules-speak-kernel',
      'An event or a decider knows its own lib and the kernel.',
      { path: '^libs/([^/]+)/[^/]+\\.(events|decider)\\.ts$' },
      { path: '^libs/(?!$1/|kernel/)' },
    ),
    rule(
      'one-driver-room',
      'Only libs/storage knows which database this is.',
      { path: '^(apps|libs)/', pathNot: '^libs/storage/' },
      { path: DRIVER },
    ),
    rule(
      'nest-stays-at-the-doors',
      'What threads load (thread entries, index.ts, the core) reaches Nest by no path.',
      { path: `^libs/[^/]+/(index|[^/]+\\.thread)\\.ts$|${CORE}` },
      { path: NEST, reachable: true },
    ),
    rule('no-cycles', 'A cycle has no first chapter.', {}, { circular: true }),
    rule(
      'resolvable',
      'An import that leads nowhere hides from every other rule.',
      { path: '^(apps|libs)/' },
      { couldNotResolve: true },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.spec\\.ts$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: new URL('tsconfig.json', import.meta.url).pathname },
    // `source` is the condition under which package.json leads #imports to libs/ instead of dist/.
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
    },
  },
};
