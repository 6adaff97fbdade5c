/** Codes, statuses and texts of the service (learn.microsoft.com: "Table Storage error codes", "Common REST API error codes"). */
const SERVICE_ERRORS = {
  AtomFormatNotSupported: [415, 'Atom format is not supported.'],
  AuthenticationFailed: [
    403,
    'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
  ],
  InternalError: [500, 'The server encountered an internal error. Please retry the request.'],
  InvalidInput: [400, 'One of the request inputs is not valid.'],
  NotImplemented: [501, 'The requested operation is not implemented on the specified resource.'],
  OperationTimedOut: [500, 'Operation could not be completed within the specified time.'],
  ServerBusy: [503, 'The server is busy.'],
  TableNotFound: [404, 'The table specified does not exist.'],
  TooManyRequests: [429, 'Too many requests.'],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type ServiceErrorCode = keyof typeof SERVICE_ERRORS;

/** An error of the service. `detail` explains the cause in the double, for a failing test. */
export class ServiceError extends Error {
  readonly status: number;

  constructor(
    readonly code: ServiceErrorCode,
    detail?: string,
  ) {
    const [status, text] = SERVICE_ERRORS[code];
    super(detail === undefined ? text : `${text} (${detail})`);
    this.status = status;
  }
}

/** The likeliest code of the service for a status. */
export function toErrorCode(status: number): ServiceErrorCode {
  if (status === 403) return 'AuthenticationFailed';
  if (status === 404) return 'TableNotFound';
  if (status === 429) return 'TooManyRequests';
  if (status === 503) return 'ServerBusy';
  return status === 500 ? 'OperationTimedOut' : 'InternalError';
}

export function toErrorMessage(code: ServiceErrorCode): string {
  return SERVICE_ERRORS[code][1];
}

/** An error's body as the service writes it: JSON if the client accepts it, else the XML of OData 3.0 section 19. */
export function toErrorBody(code: string, message: string, requestId: string, asJson: boolean): string {
  const value = `${message}\nRequestId:${requestId}\nTime:${new Date().toISOString()}`;
  if (asJson) return JSON.stringify({ 'odata.error': { code, message: { lang: 'en-US', value } } });
  const escaped = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return (
    '<?xml version="1.0" encoding="utf-8"?>' +
    '<m:error xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">' +
    `<m:code>${code}</m:code><m:message xml:lang="en-US">${escaped}</m:message></m:error>`
  );
}
