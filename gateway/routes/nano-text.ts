import { z } from 'zod'
import { MAX_COLUMN_NANO, parseNano } from '#base/nano.ts'

/** An amount in a request's body: whole nanoTON as a decimal text. */
export const nanoText = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,15})$/, 'takes whole nanoTON in a text, like "1500000000"')
  .transform(parseNano)
  .refine((nano) => nano <= MAX_COLUMN_NANO, 'is more TON than there is')
