import { type Attributes, type Context, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes as JobAttributes, Span as JobSpan, Telemetry } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';
import type { ServiceName } from './create-logger';

/** The timeout of the last export when the process ends. */
const FLUSH_LIMIT_MS = 3_000;

/** The two members of a configuration that say where traces go. */
export interface TracingConfig {
  otelExporterOtlpEndpoint: string | undefined;
  otelExporterOtlpTracesEndpoint: string | undefined;
}

export interface Tracing {
  /** Returns the ids of the active trace and span, for the log. */
  readContext: () => { traceId: string; spanId: string } | object;
  /** Sends the remaining spans, for at most three seconds. Never rejects. */
  stop: () => Promise<void>;
}

/**
 * Sends traces to where OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT says; undefined, and nothing of the SDK
 * loaded, where neither is set.
 * All else is as the standard variables have it (OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_TRACES_SAMPLER, OTEL_BSP_…,
 * OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, …), which the SDK reads itself.
 */
export async function startTracing(config: TracingConfig, service: ServiceName): Promise<Tracing | undefined> {
  if (!isTracing(config)) return undefined;
  const { NodeSDK, resources } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    resource: resources.resourceFromAttributes({ 'service.name': service }),
    // Not the detectors of process and host, which would send the command line and the user.
    resourceDetectors: [resources.envDetector],
    // Metrics are scraped and logs are written to the output: neither is sent, also if the environment asks for it.
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  return { readContext, stop: () => stopInTime(sdk) };
}

export function isTracing({ otelExporterOtlpEndpoint, otelExporterOtlpTracesEndpoint }: TracingConfig): boolean {
  return (otelExporterOtlpEndpoint ?? otelExporterOtlpTracesEndpoint) !== undefined;
}

function readContext(): object {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId };
}

async function stopInTime(sdk: { shutdown(): Promise<void> }): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FLUSH_LIMIT_MS)));
  // An unreachable collector costs the traces and nothing else.
  await Promise.race([sdk.shutdown().catch(() => {}), late]);
  clearTimeout(timer);
}

/** The name of the tracer of this project. */
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
  // The reason of an aborted run may be a string.
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

/** The operations that are traced. The rest is housekeeping of BullMQ: a span every few seconds that belongs to no trace. */
const TRACED = new Set(['add', 'process']);

/** The attributes that are sent; results and options of jobs are dropped. */
const ATTRIBUTES = new Set([
  'bullmq.queue.name',
  'bullmq.queue.operation',
  'bullmq.job.name',
  'bullmq.job.id',
  'bullmq.job.attempts.made',
  'bullmq.job.failed.reason',
]);

/**
 * What carries a trace from the process that queues a query to the one that runs it; undefined while nothing is traced,
 * since BullMQ does more for each command with it.
 */
export function createQueueTelemetry(config: TracingConfig): { telemetry?: Telemetry<Context> } {
  if (!isTracing(config)) return {};
  const { tracer, contextManager } = new BullMQOtel({ tracerName: TRACER });
  return {
    telemetry: {
      contextManager,
      tracer: {
        startSpan(name, options, context) {
          const [operation = ''] = name.split(' ', 1);
          return TRACED.has(operation) ? toDiscreet(tracer.startSpan(name, options, context)) : UNTRACED;
        },
      },
    },
  };
}

function toDiscreet(span: JobSpan<Context>): JobSpan<Context> {
  const setAttributes = (attributes: JobAttributes = {}) =>
    span.setAttributes(Object.fromEntries(Object.entries(attributes).filter(([key]) => ATTRIBUTES.has(key))));
  return {
    setSpanOnContext: (context) => span.setSpanOnContext(context),
    setAttribute: (key, value) => setAttributes({ [key]: value }),
    setAttributes,
    // How a run ended; the reason of one that failed is a code.
    addEvent: (_name, attributes) => setAttributes(attributes),
    // The code is an attribute already; the exception would add the text of the error.
    recordException() {},
    end: () => span.end(),
  };
}

/** Leaves the trace that is active as it is. */
const UNTRACED: JobSpan<Context> = {
  setSpanOnContext: (context) => context,
  setAttribute() {},
  setAttributes() {},
  addEvent() {},
  recordException() {},
  end() {},
};
