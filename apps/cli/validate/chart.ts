/** A line in a chart: y over time, `undefined` where nothing was seen. */
export interface Line {
  name: string;
  values: (number | undefined)[];
}

export interface Chart {
  title: string;
  /** Times of the values, in milliseconds. */
  times: number[];
  lines: Line[];
  /** How a value is written at the axis. */
  unit: (value: number) => string;
  /** Numbers of things: the axis has no fractions. */
  counts?: boolean;
  /** A limit that was set, drawn across. */
  limit?: number;
}

const WIDTH = 860;
const HEIGHT = 300;
const LEFT = 84;
const RIGHT = 20;
const TOP = 58;
const BOTTOM = 34;
/** Told apart by people who do not see all colours, too. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];
/** More points than this are not seen apart. */
const POINTS = 400;

/** A chart as SVG that needs nothing beside it: no script, no font, no style sheet. */
export function drawn(chart: Chart): string {
  const { times, lines, limit, unit, title, counts } = thinned(chart);
  const [begin, end] = [times[0] ?? 0, times.at(-1) ?? 1];
  const highest = Math.max(0, ...lines.flatMap(({ values }) => values.filter((value) => value !== undefined)));
  // A limit far above everything would press the lines flat: then it is said in words.
  const shown = limit !== undefined && limit <= highest * 4 ? limit : undefined;
  const top = niceCeiling(Math.max(highest, shown ?? 0, counts === true ? 4 : 0));
  const x = (time: number): number => LEFT + ((time - begin) / (end - begin || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 20, title, 'font-size="15" font-weight="bold"'),
    ...legend(lines, limit === undefined ? '' : `limit ${unit(limit)}`),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => gridLine(y(share * top), unit(share * top))),
    ...[0, 0.25, 0.5, 0.75, 1].map((share) =>
      timeMark(x(begin + share * (end - begin)), begin + share * (end - begin), end - begin),
    ),
    ...(shown === undefined
      ? []
      : [line(LEFT, y(shown), WIDTH - RIGHT, y(shown), 'stroke="#b00020" stroke-dasharray="6 4"')]),
    ...lines.map(({ values }, index) => path(times, values, x, y, COLOURS[index % COLOURS.length]!)),
    '</svg>',
    '',
  ].join('\n');
}

/** Of points that fall together the highest is kept: a spike must not vanish in a chart of two days. */
function thinned(chart: Chart): Chart {
  const { times, lines } = chart;
  const step = Math.ceil(times.length / POINTS);
  if (step <= 1) return chart;
  const groups = Array.from({ length: Math.ceil(times.length / step) }, (_, index) => index * step);
  const highest = (values: (number | undefined)[]): number | undefined => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : Math.max(...known);
  };
  return {
    ...chart,
    times: groups.map((from) => times[from]!),
    lines: lines.map(({ name, values }) => ({
      name,
      values: groups.map((from) => highest(values.slice(from, from + step))),
    })),
  };
}

function path(
  times: number[],
  values: (number | undefined)[],
  x: (time: number) => number,
  y: (value: number) => number,
  colour: string,
): string {
  let drawing = false;
  let d = '';
  const dots: string[] = [];
  values.forEach((value, index) => {
    if (value === undefined) {
      drawing = false;
      return;
    }
    const [atX, atY] = [x(times[index]!).toFixed(1), y(value).toFixed(1)];
    d += `${drawing ? 'L' : 'M'}${atX} ${atY}`;
    // A point between two gaps would be a line of no length.
    if (!drawing && values[index + 1] === undefined)
      dots.push(`<circle cx="${atX}" cy="${atY}" r="2" fill="${colour}"/>`);
    drawing = true;
  });
  return `<path d="${d}" fill="none" stroke="${colour}" stroke-width="1.6" stroke-linejoin="round"/>${dots.join('')}`;
}

function legend(lines: Line[], limit: string): string[] {
  let at = LEFT;
  const marks = lines.flatMap(({ name }, index) => {
    const from = at;
    at += 38 + name.length * 6.6;
    return [
      line(from, 38, from + 18, 38, `stroke="${COLOURS[index % COLOURS.length]!}" stroke-width="3"`),
      text(from + 24, 42, name),
    ];
  });
  return limit === '' ? marks : [...marks, text(at + 8, 42, limit, 'fill="#b00020"')];
}

const gridLine = (at: number, label: string): string =>
  line(LEFT, at, WIDTH - RIGHT, at, 'stroke="#e0e0e0"') +
  text(LEFT - 8, at + 4, label, 'text-anchor="end" fill="#555555"');

function timeMark(at: number, time: number, window: number): string {
  const iso = new Date(time).toISOString();
  const label =
    window > 86_400_000
      ? `${iso.slice(5, 10)} ${iso.slice(11, 16)}`
      : window > 1_800_000
        ? iso.slice(11, 16)
        : iso.slice(11, 19);
  // The last one would stick out.
  const anchor = at > WIDTH - RIGHT - 1 ? 'end' : 'middle';
  return text(at, HEIGHT - 12, label, `text-anchor="${anchor}" fill="#555555"`);
}

const line = (x1: number, y1: number, x2: number, y2: number, style: string): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${style}/>`;

const text = (x: number, y: number, words: string, style = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${style}>${escaped(words)}</text>`;

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The next number above that quarters well. */
function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((factor) => factor * power).find((candidate) => candidate >= value)!;
}
