import type { StopReason } from '#protocol'
import type { Engine, Usage } from '../engine/engine.ts'
import { NO_USAGE } from '../engine/engine.ts'
import type { AcceptedRequest } from './accepted-request.ts'
import type { Meter } from './meter.ts'

const MAX_CHAT_ID = 128

/**
 * What an ending costs: everything that was produced, but an engine that failed before its first token
 * costs nothing, since the caller must ask again.
 */
export function billable(meter: Meter, ending: StopReason): Usage {
  const usage = meter.usage()
  return ending === 'error' && usage.completionTokens === 0 ? NO_USAGE : usage
}

/** The answer's own id, if it has one that a receipt can hold. */
export function chatId(id: string | undefined): string | undefined {
  return id !== undefined && id.length > 0 && id.length <= MAX_CHAT_ID ? id : undefined
}

/** Prompt tokens are due once the engine accepts (M6), also when it never came to tell their number. */
export async function countDuePrompt(
  engine: Engine,
  { endpoint, body }: AcceptedRequest,
  meter: Meter,
): Promise<void> {
  if (!meter.isAccepted || meter.promptTokens !== undefined) return
  const count = await engine.countPrompt(endpoint, body).catch(() => undefined)
  if (count?.exact === true) meter.countPrompt(count.tokens)
}
