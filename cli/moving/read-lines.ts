import { createReadStream } from 'node:fs'

const NEWLINE = 0x0a

/**
 * Lines of a file that end with a line feed, without it. Node's readline also breaks at U+2028 and U+2029, which stand in JSON as
 * they are: whoever let a key ask for a model of such a name would have made a file that nobody can read.
 */
export async function* readLines(file: string): AsyncGenerator<string> {
  let begun: Buffer[] = []
  for await (const chunk of createReadStream(file)) {
    // Sound: a stream that was given no encoding gives bytes.
    const bytes = chunk as Buffer
    let from = 0
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...begun, bytes.subarray(from, end)]).toString('utf8')
      begun = []
      from = end + 1
    }
    begun.push(bytes.subarray(from))
  }
}
