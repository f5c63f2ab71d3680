/** What a developer's own software needs: keys made locally, sealing to runners that it verified itself. */
export {
  type AccountOwner,
  type AccountOwnerJson,
  newAccountOwner,
  ownerFromJson,
  ownerToJson,
  type SignedAccountRequest,
  signAccountRequest,
} from './account-owner.ts'
