/** JSON Schema 2020-12, as far as the document uses it; the types of @nestjs/swagger stop at OpenAPI 3.0. */
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
  readonly allOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** An object of which every member is always there, and no other: what is not written down cannot be sent unseen. */
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

/** A whole number, 0 or more. */
export function count(description: string, maximum: number = Number.MAX_SAFE_INTEGER): JsonSchema {
  return { type: 'integer', format: 'int64', minimum: 0, maximum, description };
}

export function time(description: string): JsonSchema {
  return { type: 'string', format: 'date-time', maxLength: 24, description: `${description} ISO 8601, in UTC.` };
}

export function day(description: string): JsonSchema {
  return { type: 'string', format: 'date', pattern: '^\\d{4}-\\d{2}-\\d{2}$', maxLength: 10, description };
}
