/** The deployment did something else than it promises. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch';
}

/** The case cannot be asked of this deployment. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}
