/** How far a step of the work is. */
export interface Step {
  step: 'copy' | 'pack' | 'unpack' | 'verify' | 'trim' | 'erase' | 'rebuild' | 'compare';
  /** Bytes, or entries of the log. */
  done: number;
  total: number;
  /** The file whose growth tells how far it is, where the one who works on it cannot. */
  file?: string;
}

export type Report = (step: Step) => void;
