import { type Attributes, type Context, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes as JobAttributes, Span as JobSpan, Telemetry } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';
import type { ServiceName } from './create-logger';

/** The collector has so long to take what is left; nothing waits longer for one that is away. */
const FLUSH_LIMIT_MS = 3_000;

/** The two members of a configuration that say where traces go. */
export interface TracingConfig {
  otelExporterOtlpEndpoint: string | undefined;
  otelExporterOtlpTracesEndpoint: string | undefined;
}

export interface Tracing {
  /** The trace and the span of the moment, for the log. */
  readContext: () => { traceId: string; spanId: string } | object;
  /** Sends what is left, for three seconds at the most. Never rejects. */
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
    // Not of the process and the host, whose command line and user are nobody's business.
    resourceDetectors: [resources.envDetector],
    // Metrics are scraped and logs are lines: neither is sent, whatever the environment says.
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
  // A collector that is away costs the traces, and nothing else.
  await Promise.race([sdk.shutdown().catch(() => {}), late]);
  clearTimeout(timer);
}

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

/** What concerns a query. The rest is BullMQ's housekeeping: a span every few seconds that belongs to no trace. */
const TRACED = new Set(['add', 'process']);

/** Those that are about the job; what a run returns, and options, are not told. */
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
    // Told as that code already, and here with a text of whoever threw it.
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
