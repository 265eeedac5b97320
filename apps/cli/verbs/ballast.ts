import { answer, type Verb, type VerbGroup } from '../verb.js';

const show: Verb = {
  name: 'show',
  isDefault: true,
  description: 'Show the file that is given up when the disk is full.',
  example: 'abathur ballast show',
  async run(call) {
    const [{ readConfig }, { ballastOf, ballastSize, diskOf, megabytes }] = await Promise.all([
      import('#assembly'),
      import('#storage'),
    ]);
    const { ABATHUR_DB_PATH: path } = readConfig(process.env);
    const [size, { available }] = [ballastSize(path), diskOf(path)];
    const text = size === 0 ? 'There is no ballast' : `${ballastOf(path)} holds ${megabytes(size)}`;
    answer(call, { file: ballastOf(path), size, available }, `${text}; ${megabytes(available)} are free beside it.\n`);
    return 0;
  },
};

const release: Verb = {
  name: 'release',
  description:
    'Give it up, so that writes go on while space is being made. The server lays it again when there is room.',
  example: 'abathur ballast release',
  async run(call) {
    const [{ readConfig }, { ballastOf, diskOf, megabytes, releaseBallast }] = await Promise.all([
      import('#assembly'),
      import('#storage'),
    ]);
    const { ABATHUR_DB_PATH: path } = readConfig(process.env);
    const released = releaseBallast(path);
    const { available } = diskOf(path);
    const text = released === 0 ? `There was no ballast at ${ballastOf(path)}` : `${megabytes(released)} released`;
    answer(call, { file: ballastOf(path), released, available }, `${text}; ${megabytes(available)} are free.\n`);
    return released === 0 ? 1 : 0;
  },
};

export const ballast: VerbGroup = {
  name: 'ballast',
  description: 'The file beside the database that is given up first when the disk is full.',
  verbs: [show, release],
};
