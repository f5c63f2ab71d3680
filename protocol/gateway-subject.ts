const PREFIX = 'cocoon-gateway-v1;origin='

/**
 * What a gateway that attests itself claims to be, inside its keyset: another gateway's evidence does not fit.
 * @param origin the gateway's name in signed messages
 * @see SPEC.md section 6.2
 */
export function gatewaySubject(origin: string): string {
  return PREFIX + encodeURIComponent(origin)
}

/** The origin that a subject names; undefined unless it is a gateway's, in its one form. */
export function gatewayOrigin(subject: string): string | undefined {
  if (!subject.startsWith(PREFIX)) return undefined
  try {
    const origin = decodeURIComponent(subject.slice(PREFIX.length))
    return gatewaySubject(origin) === subject ? origin : undefined
  } catch {
    return undefined
  }
}
