// Traces by OpenTelemetry: a span for each operation, by whatever transport it came, and within it those of its transactions
// and statements. What a caller wrote is in none of them but the name of the operation: no document, no variable. Loaded where
// traces are wanted only; the SDK reads the rest of its OTEL_ variables by itself.
import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context as TraceContext,
  type Span,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  SamplingDecision,
  type Sampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import { PrismaInstrumentation } from '@prisma/instrumentation';
import { getOperationAST, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { redactText } from '../domain/redaction.js';
import type { Spanned } from '../store/store.js';
import type { Asked, Layer } from './layer.js';
import { FLUSH_MS } from './limits.js';
import { Subscription } from './subscription.js';

export interface Tracing {
  /** Has a span made of each operation; to be the last of the layers. */
  readonly layer: Layer;
  /** Makes a span of what an operation has the database do. */
  readonly spanned: Spanned;
  /** Sends what is left, where it is taken soon. Never rejects. */
  close(): Promise<void>;
}

const NAME_MAX = 128;

/** Errors that the server is to blame for; all others are answers. */
const FAULTS = new Set(['INTERNAL_SERVER_ERROR', 'UNAVAILABLE']);

/** What is read and written unasked belongs to no trace, and neither does what an operation that has ended has set going. */
const UNDER_WAY: Sampler = {
  shouldSample: (parent) => ({
    decision: trace.getSpan(parent)?.isRecording() ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
  }),
  toString: () => 'UnderWay',
};

/** Once in a process at a time: what is traced is told by globals. */
export function startTracing(log: Logger): Tracing {
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'lifeline' }))
    .merge(detectResources({ detectors: [envDetector] }));
  const spanProcessors = [new BatchSpanProcessor(telling(new OTLPTraceExporter(), log))];
  const operations = new NodeTracerProvider({ resource, spanProcessors });
  operations.register();
  const tracer = operations.getTracer('lifeline');
  const prisma = new PrismaInstrumentation({ enabled: false });
  prisma.setTracerProvider(new NodeTracerProvider({ resource, spanProcessors, sampler: UNDER_WAY }));
  prisma.enable();

  function begin({ document, operationName, contextValue }: ExecutionArgs): { span: Span; within: TraceContext } {
    const asked = contextValue as Asked;
    const operation = getOperationAST(document, operationName);
    const type = operation?.operation ?? 'query';
    const name = operation?.name && redactText(operation.name.value.slice(0, NAME_MAX)).text;
    const attributes = {
      'graphql.operation.type': type,
      'graphql.operation.name': name,
      'lifeline.request.id': asked.requestId,
    };
    const parent = propagation.extract(ROOT_CONTEXT, carrierOf(asked));
    const span = tracer.startSpan(name ? `${type} ${name}` : type, { kind: SpanKind.SERVER, attributes }, parent);
    return { span, within: trace.setSpan(parent, span) };
  }

  return {
    async spanned(what, text, work) {
      if (!trace.getActiveSpan()?.isRecording()) return work();
      const attributes = { 'db.system.name': 'postgresql', ...(text !== null && { 'db.query.text': text }) };
      return tracer.startActiveSpan(`lifeline:${what}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
        try {
          return await work();
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR });
          throw error;
        } finally {
          span.end();
        }
      });
    },
    layer: {
      execute: (execute) => async (args) => {
        const { span, within } = begin(args);
        const result = await context.with(within, () => execute(args));
        end(span, result);
        return result;
      },
      // A span of its beginning: nobody sees one that has not ended, and what is delivered is read for all who follow.
      subscribe: (subscribe) => async (args) => {
        const { span } = begin(args);
        const result = await subscribe(args);
        end(span, result instanceof Subscription ? {} : result);
        return result;
      },
    },
    async close() {
      prisma.disable();
      const flushed = operations.shutdown().catch(() => undefined);
      await Promise.race([flushed, delay(FLUSH_MS, null, { ref: false })]);
      for (const api of [trace, context, propagation]) api.disable();
    },
  };
}

function end(span: Span, { errors = [] }: ExecutionResult): void {
  const codes = errors.map(({ extensions }) => String(extensions.code));
  if (codes[0] !== undefined) span.setAttribute('error.type', codes[0]);
  if (codes.some((code) => FAULTS.has(code))) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** Where the caller's span is told: by the headers of a request; over a WebSocket, whose operations have none, by `extensions`. */
function carrierOf({ headers, params }: Asked): Record<string, unknown> {
  const { traceparent, tracestate } = { ...params.extensions, ...headers };
  return { traceparent, tracestate };
}

/** Says once that spans are lost, and once that they are not any more. */
function telling(exporter: SpanExporter, log: Logger): SpanExporter {
  let isLosing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const lost = result.error !== undefined;
        if (lost && !isLosing) log.warn({ reason: result.error?.message }, 'traces are lost: the collector takes none');
        if (!lost && isLosing) log.info('the collector takes traces again');
        isLosing = lost;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
