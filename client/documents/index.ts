/** Documents that anybody may hand over, and what they are held to: for `cocoon verify` and for the page. */
export {
  checkGatewayReceipt,
  type GatewayReceiptFacts,
  isGatewayReceipt,
} from './check-gateway-receipt.ts'
export { checkReceipt } from './check-receipt.ts'
export {
  type Document,
  DocumentError,
  readDocument,
  SAVED,
  type SessionRecord,
} from './document.ts'
export {
  type Answer,
  type Exhibit,
  evidenceExhibit,
  type Nonce,
  reportExhibit,
  sessionExhibit,
} from './exhibit.ts'
export { expectedOf } from './expected.ts'
export { type JudgedSession, judgeSession } from './judge-session.ts'
export type { DocumentCheckId, ShownCheck } from './shown-check.ts'
