import type { EventCatalog, JsonObject } from '#kernel';

/** Brings stored data to today's shape, one version at a time: consumers only ever know the newest. */
export function upcast(
  catalog: EventCatalog,
  type: string,
  schemaVersion: number,
  data: JsonObject,
  time: string,
): JsonObject {
  const schema = catalog[type];
  if (schema === undefined) throw new Error(`The log holds an event of type ${type}, which this program does not know`);
  let current = data;
  for (let version = schemaVersion; version < schema.version; version++) {
    const step = schema.upcasters?.[version];
    if (step === undefined) throw new Error(`${type} has no upcaster from version ${version}`);
    current = step(current, time);
  }
  return current;
}
