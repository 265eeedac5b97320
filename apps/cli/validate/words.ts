/** Numbers as a report says them. */
export const plain = (value: number): string => Math.round(value).toLocaleString('en-US');

export function milliseconds(seconds: number): string {
  if (seconds === Number.POSITIVE_INFINITY) return 'over 10 s';
  const value = seconds * 1000;
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))} ms`;
}

export function bytes(value: number): string {
  const [unit, size] = value >= 1e9 ? ['GB', 1e9] : value >= 1e6 ? ['MB', 1e6] : ['kB', 1e3];
  return `${Number((value / size).toFixed(1))} ${unit}`;
}

export const percent = (share: number): string => `${Number((share * 100).toFixed(3))} %`;

/** A span of time, in the two largest units. */
export function span(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const parts =
    hours > 0 ? [`${hours} h`, minutes > 0 ? `${minutes} min` : ''] : [`${minutes} min`, rest > 0 ? `${rest} s` : ''];
  return parts.filter((part) => part !== '').join(' ');
}

export const moment = (iso: string): string => `${iso.slice(0, 19).replace('T', ' ')} UTC`;
