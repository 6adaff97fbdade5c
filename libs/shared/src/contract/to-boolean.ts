/** `true` and `false` as they are written in a variable or a parameter; anything else stays, for a rule to refuse it. */
export function toBoolean({ value }: { value: unknown }): unknown {
  return value === 'true' ? true : value === 'false' ? false : value;
}
