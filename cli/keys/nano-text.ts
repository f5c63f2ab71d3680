import { z } from 'zod'
import { parseNano } from '#base/nano.ts'

/** An amount in an answer of a gateway's: checked before it is parsed, since a transform must not throw. */
export const nanoText = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,30})$/)
  .transform(parseNano)
