import { trace } from '@opentelemetry/api';
import type { CommonConfig } from '../config/common-config';
import type { ServiceName } from '../process/create-logger';

/** The collector has so long to take what is left; nothing waits longer for one that is away. */
const FLUSH_LIMIT_MS = 3_000;

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
export async function startTracing(config: CommonConfig, service: ServiceName): Promise<Tracing | undefined> {
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

export function isTracing({ otelExporterOtlpEndpoint, otelExporterOtlpTracesEndpoint }: CommonConfig): boolean {
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
