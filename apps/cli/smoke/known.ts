import type { World } from './world.js';

/** Texts, and for each a question that it answers in other words. */
export const KNOWN = [
  { key: 'coffee', text: 'Alice drinks her espresso without sugar or milk.', question: 'espresso without milk' },
  {
    key: 'flight',
    text: 'The flight to Lisbon departs at seven in the morning.',
    question: 'when departs the flight to Lisbon',
  },
  {
    key: 'invoice',
    text: 'Invoices are paid within thirty days after they arrive.',
    question: 'paying an invoice in thirty days',
  },
  {
    key: 'deploy',
    text: 'Releases are deployed on Tuesdays, never before a holiday.',
    question: 'deploying releases on a Tuesday',
  },
  { key: 'allergy', text: 'Bob is allergic to peanuts and carries an injector.', question: 'allergic to peanuts' },
  {
    key: 'garden',
    text: 'Tomatoes in the garden are watered every evening.',
    question: 'watering tomatoes in the evening',
  },
];

/** Writes the known texts and waits until each can be found by its meaning. */
export async function searchable(world: World, namespace: string): Promise<void> {
  for (const { key, text } of KNOWN) await world.remember(namespace, key, { text });
  await world.until('finding each of the new texts by its meaning', async () => {
    for (const { key, text } of KNOWN) {
      const asked = { query: text, mode: 'semantic', namespace_prefix: namespace };
      const { body, status } = await world.post('/v1/memories/search', asked);
      if (status !== 200 || body.degraded || !body.results.some((hit: { key: string }) => hit.key === key))
        return false;
    }
    return true;
  });
}
