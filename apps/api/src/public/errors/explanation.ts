/** The documentation page explains each code; the code follows. */
export const EXPLANATION = '/api/docs#';
