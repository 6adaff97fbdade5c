import type { Context } from '@opentelemetry/api';
import type { Attributes, Span, Telemetry } from 'bullmq';
import { BullMQOtel } from 'bullmq-otel';
import type { CommonConfig } from '../config/common-config';
import { TRACER } from './in-span';
import { isTracing } from './start-tracing';

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
export function createQueueTelemetry(config: CommonConfig): { telemetry?: Telemetry<Context> } {
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

function toDiscreet(span: Span<Context>): Span<Context> {
  const setAttributes = (attributes: Attributes = {}) =>
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
const UNTRACED: Span<Context> = {
  setSpanOnContext: (context) => context,
  setAttribute() {},
  setAttributes() {},
  addEvent() {},
  recordException() {},
  end() {},
};
