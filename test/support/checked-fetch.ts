import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface Reference {
  $ref: string;
}

interface Answer {
  headers: Record<string, { required?: boolean; schema: object }>;
  content?: Record<string, unknown>;
}

interface OpenApi {
  'x-security-headers': Answer['headers'];
  paths: Record<string, Record<string, { responses: Record<string, Answer | undefined> } | undefined>>;
}

/** Those that carry an answer, and say nothing of it. */
const HEADERS_OF_THE_TRANSPORT = new Set(
  'connection,content-length,content-type,date,keep-alive,transfer-encoding'.split(','),
);

/** What answers where no operation is, and its status. */
const ELSEWHERE = { 'x-options': 204, 'x-other-methods': 405, 'x-other-paths': 404 };

const document = JSON.parse(readFileSync('openapi.json', 'utf8')) as OpenApi;
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(document, 'openapi');

/**
 * `fetch`, for whom the document is the law: throws when an answer has a status, a header, a content type or a member
 * that `openapi.json` does not have, or lacks one that it promises. The events of a stream are checked as they pass.
 */
export async function checkedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const answer = await fetch(request);
  const { pathname } = new URL(request.url);
  const pointer = findAnswer(request, pathname, answer.status);
  const elsewhere = ELSEWHERE[pointer.split('/').at(-1) as keyof typeof ELSEWHERE] ?? answer.status;
  const documented = elsewhere === answer.status ? (resolve(pointer) as Answer | undefined) : undefined;
  const problems = documented === undefined ? ['the status'] : await findProblems(request, answer, documented, pointer);
  if (problems.length > 0) {
    throw new Error(`${request.method} ${pathname} ${answer.status} is not as documented: ${problems.join('; ')}`);
  }
  return isStream(answer) ? checkEvents(answer) : answer;
}

/** The router takes no path with a bad percent-encoding for one of its own. */
function isDecodable(pathname: string): boolean {
  try {
    decodeURIComponent(pathname);
    return true;
  } catch {
    // URIError: not the encoding of any text.
    return false;
  }
}

/** Where in the document the answer is, if it is there. */
function findAnswer({ method }: Request, pathname: string, status: number): string {
  const path = isDecodable(pathname)
    ? Object.keys(document.paths).find((template) => toPattern(template).test(pathname))
    : undefined;
  if (path === undefined) return '#/x-other-paths';
  const item = `#/paths/${escape(path)}`;
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  if (document.paths[path]?.[verb] !== undefined) return `${item}/${verb}/responses/${status}`;
  return `${item}/${method === 'OPTIONS' ? 'x-options' : 'x-other-methods'}`;
}

async function findProblems(request: Request, answer: Response, { headers, content }: Answer, pointer: string) {
  const problems: string[] = [];
  const names = toNames(headers);
  const securityNames = toNames(document['x-security-headers']);
  for (const [name, value] of answer.headers) {
    const documented = names.get(name);
    const place = documented === undefined ? '#/x-security-headers' : `${pointer}/headers`;
    const member = documented ?? securityNames.get(name);
    if (HEADERS_OF_THE_TRANSPORT.has(name)) continue;
    if (member === undefined) problems.push(`the header ${name}`);
    else problems.push(...check(`${place}/${member}`, 'schema', value, `the header ${name}`));
  }
  for (const [name, documented] of names) {
    const { required = false } = resolve(`${pointer}/headers/${documented}`) as { required?: boolean };
    if (required && !answer.headers.has(name)) problems.push(`no header ${name}`);
  }
  if (request.method === 'HEAD' || isStream(answer)) return problems;
  const text = await answer.clone().text();
  if (content === undefined) return text === '' ? problems : [...problems, 'a body'];
  const type = answer.headers.get('content-type')?.split(';', 1)[0] ?? '';
  if (content[type] === undefined) return [...problems, `the content type ${type}`];
  const body: unknown = type.endsWith('json') ? JSON.parse(text) : text;
  return [...problems, ...check(`${pointer}/content/${escape(type)}`, 'schema', body, 'the body')];
}

/** Headers as the document writes them, by the names that `fetch` gives them. */
function toNames(headers: Answer['headers']): Map<string, string> {
  return new Map(Object.keys(headers).map((name) => [name.toLowerCase(), name]));
}

function check(pointer: string, member: string, value: unknown, what: string): string[] {
  const place = locate(pointer);
  const { type } = (resolve(`${place}/${member}`) ?? {}) as { type?: string };
  const isValid = ajv.getSchema(`openapi${encodeURI(`${place}/${member}`)}`);
  if (isValid === undefined) return [`${what} without a schema`];
  if (isValid(type === 'integer' ? Number(value) : value)) return [];
  return [`${what} ${ajv.errorsText(isValid.errors)}`];
}

function checkEvents(answer: Response): Response {
  const decoder = new TextDecoder();
  let rest = '';
  const events = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      rest += decoder.decode(chunk, { stream: true });
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        const problems = data === undefined ? [] : check('#/components/schemas', 'Query', JSON.parse(data), 'an event');
        if (problems.length > 0) controller.error(new Error(problems.join('; ')));
      }
      controller.enqueue(chunk);
    },
  });
  return new Response(answer.body?.pipeThrough(events) ?? null, answer);
}

function isStream(answer: Response): boolean {
  return answer.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

/** What a pointer points at, behind its references. */
function resolve(pointer: string): unknown {
  return read(locate(pointer));
}

/** The pointer without references on its way. */
function locate(pointer: string): string {
  let place = '#';
  for (const step of pointer.split('/').slice(1)) {
    place = `${place}/${step}`;
    const reference = read(place) as Reference | undefined;
    if (reference?.$ref !== undefined) place = reference.$ref;
  }
  return place;
}

function read(pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replace(/~1/g, '/').replace(/~0/g, '~'))
    .reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], document);
}

function escape(step: string): string {
  return step.replace(/~/g, '~0').replace(/\//g, '~1');
}

function toPattern(template: string): RegExp {
  return new RegExp(`^${template.replace(/\./g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`);
}
