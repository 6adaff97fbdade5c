import { type Attributes, type Span, SpanStatusCode, trace } from '@opentelemetry/api';

/** The tracer of all that is written here. */
export const TRACER = 'audit-query';

/**
 * Does `work` as a span of the trace that is active, and as the active one itself. An error ends it with the error's code
 * or name, never with its text, which may quote an address.
 */
export async function inSpan<T>(name: string, attributes: Attributes, work: (span: Span) => Promise<T>): Promise<T> {
  return trace.getTracer(TRACER).startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: readCode(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

function readCode(error: unknown): string {
  // A run is aborted with a word.
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
