import { ApiKeys, pepperIn } from '#access';
import { keyEnvironment, signingDirectory } from '#assembly';
import { withLogOnFile } from '../log-on-file.js';

/** Works on the keys in the file, which is made if there is none: so the first key can be made before a server starts. */
export const withKeys = <T>(path: string | undefined, work: (keys: ApiKeys) => Promise<T>): Promise<T> =>
  withLogOnFile(path, (log, reads, config) =>
    work(new ApiKeys(log, reads, () => pepperIn(signingDirectory(config)), keyEnvironment(config))),
  );
