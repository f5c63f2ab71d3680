/** Reads an event stream step by step, so that a test can act in the middle of it. */
export interface StreamReader {
  /** Everything so far. */
  readonly text: string
  /** Reads until the text so far satisfies a condition. @throws when the stream ends before */
  until(isThere: (text: string) => boolean): Promise<void>
  /** Reads to the end. @throws when the connection breaks */
  rest(): Promise<string>
}

export function readStream(response: Response): StreamReader {
  if (response.body === null) throw new Error('the answer has no body')
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  const step = async (): Promise<boolean> => {
    const { value, done } = await reader.read()
    if (value !== undefined) text += decoder.decode(value, { stream: true })
    return !done
  }
  return {
    get text() {
      return text
    },
    async until(isThere) {
      while (!isThere(text)) {
        if (!(await step())) throw new Error('the stream ended early')
      }
    },
    async rest() {
      while (await step());
      return text
    },
  }
}

/** Tokens of the scripted engine in a stream. */
export function tokensIn(text: string): number {
  return text.split('" token"').length - 1
}
