export class TableBody {
  name!: string;
  readable!: boolean;
}

export class QuestionPlanBody {
  /** What is asked, as the program calls it. */
  question!: string;
  /** Indexes that it is answered by. */
  indexes!: string[];
  /** Tables that it would read from end to end: there should be none. */
  scans!: string[];
}

export class DatabaseBody {
  /** Tables and views, those included that extensions keep beside their own. */
  tables!: TableBody[];
  indexes!: string[];
  /** What the migrations make and the file does not hold. */
  missing!: string[];
  /** How questions that are asked all day are answered on this file. */
  plans!: QuestionPlanBody[];
}
