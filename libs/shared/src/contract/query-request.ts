import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { IsInt, Max, Min, ValidateBy, ValidateIf, type ValidationArguments } from 'class-validator';
import { isCalendarDay, type CalendarDay } from './calendar-day';
import { count, day } from './json-schema';

/** A year: older day sets are never kept, so asking for them could only be a mistake of units. */
const MAX_AGE_LIMIT_SECONDS = 31_536_000;
const MAX_AGE_RULE = `maxAgeSeconds must be a whole number from 0 to ${MAX_AGE_LIMIT_SECONDS}`;

/** The name of the rule that compares the two days, which distinguishes a bad range from a bad day. */
export const RANGE_RULE = 'isNotBeforeStart';

function IsCalendarDay(): PropertyDecorator {
  return ValidateBy({
    name: 'isCalendarDay',
    validator: {
      validate: isCalendarDay,
      defaultMessage: (args) => `${args?.property} must be a day that exists, as YYYY-MM-DD`,
    },
  });
}

function IsNotBeforeStart(): PropertyDecorator {
  return ValidateBy({
    name: RANGE_RULE,
    validator: {
      validate: (end: unknown, args?: ValidationArguments) => {
        const { start } = args?.object as QueryRequest;
        return !isCalendarDay(start) || !isCalendarDay(end) || start <= end;
      },
      defaultMessage: () => 'end must not be before start',
    },
  });
}

/** What a caller asks: how many distinct people got a certificate from `start` to `end`, both inclusive. */
@ApiSchema({ description: 'What was asked.' })
export class QueryRequest {
  @ApiProperty(day('The first day, inclusive.'))
  @IsCalendarDay()
  start!: CalendarDay;

  @ApiProperty(day('The last day, inclusive: the same day as `start`, or a later one.'))
  @IsNotBeforeStart()
  @IsCalendarDay()
  end!: CalendarDay;

  // The schema has no `default`: generators of clients would make the member required in a submission.
  @ApiProperty(
    count(
      'A day that was read no longer ago than this may be reused; 0, the default, reads everything anew.',
      MAX_AGE_LIMIT_SECONDS,
    ),
  )
  @ValidateIf((_, value) => value !== undefined)
  @IsInt({ message: MAX_AGE_RULE })
  @Min(0, { message: MAX_AGE_RULE })
  @Max(MAX_AGE_LIMIT_SECONDS, { message: MAX_AGE_RULE })
  maxAgeSeconds: number = 0;
}
