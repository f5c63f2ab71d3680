import { writeSync } from 'node:fs'
import { nano } from '#base/nano.ts'
import { openOutbox } from '../outbox/outbox.ts'

/** Test helper process: puts receipts for ever, printing each id once it is kept. */
const outbox = openOutbox(process.argv[2] ?? '')
for (let number = 0; ; number++) {
  const receiptId = `req_${number}`
  outbox.put({
    gateway: 'http://gateway.example',
    runner: 'run_1',
    receiptId,
    ref: 'opaque',
    cost: nano(1n),
    at: 1,
    receipt: { receipt_id: receiptId },
  })
  writeSync(1, `${receiptId}\n`)
  // Lets the background sync and the parent's kill happen between two receipts.
  if (number % 50 === 49) await new Promise((next) => setImmediate(next))
}
