import { ApiError } from '../errors.ts'
import { runnerOrigin, type UrlRules } from '../runners/runner-url.ts'

/**
 * An address to tell something to: https, no user, no address of a private network. Its name is judged again by its
 * addresses when the connection is made (H15).
 * @throws ApiError `invalid_request`
 */
export function webhookUrl(text: string, rules: UrlRules): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isBare = url !== undefined && url.username === '' && url.password === '' && url.hash === ''
  if (!isBare) throw refused('the URL is malformed, or has a user or a fragment')
  try {
    runnerOrigin(url.origin, rules)
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause
    throw refused(cause.message.replace(/^transport: /, ''))
  }
  return url.href
}

function refused(reason: string): ApiError {
  return new ApiError('invalid_request', `url: ${reason}`, { param: 'url' })
}
