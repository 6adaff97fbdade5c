/** JSON Schema 2020-12, as far as the API's documents use it; the types of @nestjs/swagger stop at OpenAPI 3.0. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly oneOf?: readonly JsonSchema[];
  readonly [extension: `x-${string}`]: unknown;
}

/** A schema with one type: what `@ApiProperty` takes as it is. */
type PlainSchema = JsonSchema & { readonly type: string };

/** A whole number, 0 or more. */
export function count(description: string, maximum: number = Number.MAX_SAFE_INTEGER) {
  return { type: 'integer', format: 'int64', minimum: 0, maximum, description } as const satisfies PlainSchema;
}

export function time(description: string) {
  const whole = `${description} ISO 8601, in UTC.`;
  return { type: 'string', format: 'date-time', maxLength: 24, description: whole } as const satisfies PlainSchema;
}

export function day(description: string) {
  const pattern = '^\\d{4}-\\d{2}-\\d{2}$';
  return { type: 'string', format: 'date', pattern, maxLength: 10, description } as const satisfies PlainSchema;
}

/** An object with all of these members and no others, so that no undocumented member can be sent. */
export function closedObject(description: string, properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', description, additionalProperties: false, required: Object.keys(properties), properties };
}

export function toSchema(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

export function orNull(schema: JsonSchema): JsonSchema {
  if (schema.type === undefined) return { oneOf: [schema, { type: 'null' }] };
  return { ...schema, type: [schema.type, 'null'].flat() };
}
