import { render } from 'preact'
import { islandRoot } from './lib/browser.ts'
import { ready } from './lib/ready.ts'
import { ReceiptCheck } from './trust/receipt-check.tsx'
import { VerifyAll } from './trust/verify-all.tsx'

const machines = islandRoot('trust')
const receipt = islandRoot('receipt-check')
const asked = new URLSearchParams(location.search).get('receipt') ?? undefined
machines.replaceChildren()
render(<VerifyAll />, machines)
render(<ReceiptCheck asked={asked} />, receipt)
ready()
