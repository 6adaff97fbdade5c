/** What the table's identification numbers look like that cannot be mistaken for anything else. */
const IDENTIFIER = /\b1000\d{5}KX\b/;

/**
 * I7: no secret and no identification number in anything that leaves the service.
 *
 * @param places What was printed, answered, stored, by name.
 */
export function findSecrets(places: Readonly<Record<string, string>>, secrets: readonly string[]): string[] {
  return Object.entries(places).flatMap(([place, text]) => [
    ...secrets.flatMap((secret, i) => (text.includes(secret) ? [`I7: secret ${i} is in ${place}`] : [])),
    ...(IDENTIFIER.test(text) ? [`I7: an identification number is in ${place}`] : []),
  ]);
}
