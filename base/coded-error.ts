/**
 * The base of every module's one error class: the code is for machines and closed per module, the
 * message is for people and holds ids, counts and codes only, never content, keys or parameters.
 */
export class CodedError<Code extends string> extends Error {
  readonly code: Code

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
