/** The form of the double's identification numbers, which no other text has. */
const IDENTIFIER = /\b1000\d{5}KX\b/;

/**
 * I7: logs, answers and Redis contain no secret and no identification number.
 *
 * @param places The texts by the name of their place.
 */
export function findSecrets(places: Readonly<Record<string, string>>, secrets: readonly string[]): string[] {
  return Object.entries(places).flatMap(([place, text]) => [
    ...secrets.flatMap((secret, i) => (text.includes(secret) ? [`I7: secret ${i} is in ${place}`] : [])),
    ...(IDENTIFIER.test(text) ? [`I7: an identification number is in ${place}`] : []),
  ]);
}
