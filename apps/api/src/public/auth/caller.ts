import { createParamDecorator } from '@nestjs/common';

/** Whose queries they are while nobody is asked who they are (`AUTH_MODE=none`). */
const ANONYMOUS = 'anonymous';

/** The caller: the subject of the request's credential, to whom a query belongs. */
export const Caller = createParamDecorator((): string => ANONYMOUS);
