import type { ReplyFault } from './fault-rules';
import { sendError, type Exchange } from './reply';
import { toErrorCode, toErrorMessage } from './service-error';

/** Answers with the fault in place of a page. */
export function sendFault(exchange: Exchange, fault: ReplyFault): void {
  switch (fault.kind) {
    case 'hang':
      return;
    case 'reset':
      exchange.record.end = 'cut';
      exchange.response.destroy();
      return;
    case 'status': {
      const likely = toErrorCode(fault.status);
      const { status, errorCode: code = likely, retryAfterSeconds } = fault;
      return sendError(exchange, { status, code, message: toErrorMessage(likely), retryAfterSeconds });
    }
    case 'html':
      return sendText(exchange, 'text/html', '<!doctype html><title>Sign in</title><h1>Please sign in</h1>');
    case 'empty-body':
      return sendText(exchange, 'application/json', '');
    case 'empty-object':
      return sendText(exchange, 'application/json', '{}');
    case 'wrong-shape':
      return sendText(exchange, 'application/json', fault.body ?? '{"value":"none"}');
  }
}

function sendText({ response, record }: Exchange, contentType: string, text: string): void {
  record.status = 200;
  response.writeHead(200, { 'Content-Type': `${contentType};charset=utf-8` }).end(text);
}
