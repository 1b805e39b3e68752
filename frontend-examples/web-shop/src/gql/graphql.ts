/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** What the buyer fills in for one field of the variant. */
export type AccountEntryInput = {
  /** Of `Variant.accountFields`. */
  key: string;
  value: string;
};

/** Products, or variants of them, with one of these values under a key, or with a number in a range (both ends included). */
export type AttributeFilter = {
  anyOf?: Array<string> | null | undefined;
  atLeast?: number | null | undefined;
  atMost?: number | null | undefined;
  key: string;
};

/** Where a buyer is told of an order: one of them. */
export type ContactInput = {
  email?: string | null | undefined;
  /** With its country, such as +86...; without one it is Chinese. */
  phone?: string | null | undefined;
};

/** How a variant reaches its buyer. */
export type DeliveryKind =
  | 'BUNDLE'
  | 'CARD_CODE'
  | 'DIRECT_TOPUP'
  | 'GIFT_CARD'
  | 'LINK'
  | 'MANUAL';

export type DisputeLineInput = {
  lineId: string | number;
  quantity?: number | null | undefined;
};

/** What a buyer says of goods; OTHER needs a text. */
export type DisputeReason =
  | 'CODE_EXPIRED'
  | 'CODE_INVALID'
  | 'CODE_USED'
  | 'NOT_ARRIVED'
  | 'OTHER'
  | 'WRONG_GOODS';

/** Which side of a case. */
export type DisputeSide =
  | 'BUYER'
  | 'STAFF';

/** REPLACED, REFUNDED and UPHELD are final; REJECTED is, unless it is appealed. */
export type DisputeState =
  | 'APPEALED'
  | 'CHECKING'
  | 'OPEN'
  | 'REFUNDED'
  | 'REJECTED'
  | 'REPLACED'
  | 'UPHELD';

/** What a field asks for. */
export type FieldKind =
  | 'ACCOUNT_ID'
  | 'EMAIL'
  | 'NUMBER'
  | 'PHONE'
  | 'SELECT'
  | 'TEXT';

/** A device: an id that its app made up and keeps, 16 letters or more. */
export type GuestLogin = {
  deviceId: string;
};

/** Where a line stands. WAITING: for the payment, or a second look. DELIVERED and REFUNDED (nobody could deliver it) are final; what went back of delivered goods is told by `refundedTotal`. */
export type LineStatus =
  | 'CANCELLED'
  | 'DELIVERED'
  | 'DELIVERING'
  | 'QUEUED'
  | 'REFUNDED'
  | 'WAITING';

/** An amount with its currency. */
export type MoneyInput = {
  amount: string;
  currency: string;
};

export type OrderCancelInput = {
  orderId: string | number;
};

export type OrderCardsRevealInput = {
  cardIds?: Array<string | number> | null | undefined;
  orderId: string | number;
  recipientPublicKey?: string | null | undefined;
};

export type OrderCreateInput = {
  contact?: ContactInput | null | undefined;
  couponCodes?: Array<string> | null | undefined;
  couponIds?: Array<string | number> | null | undefined;
  expectedTotal?: MoneyInput | null | undefined;
  idempotencyKey: string;
  lines: Array<OrderLineInput>;
  lookupPassword?: string | null | undefined;
  payByChannel?: boolean;
  promoterCode?: string | null | undefined;
  quoteId?: string | number | null | undefined;
};

export type OrderDisputeAppealInput = {
  disputeId: string | number;
  idempotencyKey: string;
  text: string;
};

export type OrderDisputeEvidenceAddInput = {
  disputeId: string | number;
  name: string;
};

export type OrderDisputeOpenInput = {
  cardIds?: Array<string | number> | null | undefined;
  idempotencyKey: string;
  lines?: Array<DisputeLineInput> | null | undefined;
  orderId: string | number;
  reason: DisputeReason;
  text?: string;
};

/** One variant and how many pieces of it. */
export type OrderLineInput = {
  /** For a variant with `accountFields`: one entry for each field. */
  account?: Array<AccountEntryInput> | null | undefined;
  /** The very card to buy, of `choosableCards`; quantity 1. */
  cardId?: string | number | null | undefined;
  /** Refuse the order when the price is another one. */
  expectedUnitPrice?: MoneyInput | null | undefined;
  quantity: number;
  sku: string;
};

export type OrderLineRateInput = {
  lineId: string | number;
  stars: number;
  tags?: Array<RatingTag> | null | undefined;
  text?: string;
};

/** Where an order stands. FAILED, CANCELLED and EXPIRED are unpaid, and only a late payment changes them. DELIVERED and PARTIALLY_DELIVERED stay until all money of the order went back: then it is REFUNDED, for good. In part it is told by `refundedTotal`. */
export type OrderStatus =
  | 'CANCELLED'
  | 'DELIVERED'
  | 'DELIVERING'
  | 'EXPIRED'
  | 'FAILED'
  | 'PAID'
  | 'PARTIALLY_DELIVERED'
  | 'PENDING_PAYMENT'
  | 'REFUNDED'
  | 'RISK_REVIEW';

/** A login and its password. */
export type PasswordLogin = {
  /** Of the authenticator app, or a recovery code, if there is one. */
  code?: string;
  login: string;
  password: string;
};

export type PaymentStartInput = {
  idempotencyKey: string;
  methodId: string | number;
  orderId: string | number;
  payer?: string | null | undefined;
  returnUrl?: string | null | undefined;
  way?: PaymentWay;
};

/** SUSPENDED: paid, but no order needs it. CLOSED and FAILED: surely unpaid. */
export type PaymentStatus =
  | 'CLOSED'
  | 'FAILED'
  | 'PAID'
  | 'PENDING'
  | 'STARTING'
  | 'SUSPENDED';

/** How a payment is shown: a page, a code to scan, or the vendor's own script. */
export type PaymentWay =
  | 'IN_APP'
  | 'MOBILE_PAGE'
  | 'PAGE'
  | 'QR';

/** All that is given must hold; of a list, one item. At most 5 levels deep, with 100 conditions and 50 items a list. */
export type ProductFilter = {
  and?: Array<ProductFilter> | null | undefined;
  attributes?: Array<AttributeFilter> | null | undefined;
  /** By their slugs. */
  brand?: Array<string> | null | undefined;
  /** With the shelves below them. */
  category?: Array<string | number> | null | undefined;
  deliveryKind?: Array<DeliveryKind> | null | undefined;
  not?: ProductFilter | null | undefined;
  or?: Array<ProductFilter> | null | undefined;
  /** Of the cheapest variant, for the caller, in the site's currency. */
  priceFrom?: string | null | undefined;
  priceTo?: string | null | undefined;
  /** Where the goods are good. */
  region?: Array<string> | null | undefined;
  tag?: Array<string> | null | undefined;
};

/** RELEVANCE is the order of the shelves where nothing is searched for. */
export type ProductSort =
  | 'NEWEST'
  | 'PRICE_ASC'
  | 'PRICE_DESC'
  | 'RELEVANCE'
  | 'SALES_DESC'
  | 'SHELF';

export type PromoVisitInput = {
  code: string;
};

/** Where the text of a rating stands; PLAIN: it has none. Its stars always count. */
export type RatingState =
  | 'HIDDEN'
  | 'PENDING'
  | 'PLAIN'
  | 'PUBLISHED';

/** What was good, or was not. */
export type RatingTag =
  | 'AS_DESCRIBED'
  | 'BAD_SERVICE'
  | 'DID_NOT_WORK'
  | 'FAST'
  | 'GOOD_PRICE'
  | 'GOOD_SERVICE'
  | 'NOT_AS_DESCRIBED'
  | 'SLOW';

/** CHANNEL: back the way the money came; WALLET: the buyer's wallet. */
export type RefundDestination =
  | 'CHANNEL'
  | 'WALLET';

/** Why the money of delivered goods goes back; OTHER needs a note. */
export type RefundReason =
  | 'BOUGHT_BY_MISTAKE'
  | 'CODE_EXPIRED'
  | 'CODE_INVALID'
  | 'CODE_USED'
  | 'DELIVERED_LATE'
  | 'FRAUD'
  | 'GOODWILL'
  | 'NOT_DELIVERED'
  | 'OTHER'
  | 'WRONG_GOODS';

/** PENDING: the channel works on it; COMPLETED: the buyer has it. */
export type RefundStatus =
  | 'COMPLETED'
  | 'PENDING';

export type SessionCreateInput = {
  guest?: GuestLogin | null | undefined;
  password?: PasswordLogin | null | undefined;
};

export type SessionRefreshInput = {
  refreshToken: string;
};

/** OUT also when nobody can deliver it. */
export type StockLevel =
  | 'IN_STOCK'
  | 'LOW'
  | 'OUT';

export type UserCreateInput = {
  displayName?: string;
  login: string;
  password: string;
  promoterCode?: string | null | undefined;
};

export type DisputeOpenMutationVariables = Exact<{
  input: OrderDisputeOpenInput;
}>;


export type DisputeOpenMutation = { orderDisputeOpen: { disputes: Array<{ id: string }> | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type DisputeAppealMutationVariables = Exact<{
  input: OrderDisputeAppealInput;
}>;


export type DisputeAppealMutation = { orderDisputeAppeal: { dispute: { id: string, state: DisputeState } | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type EvidenceAddMutationVariables = Exact<{
  input: OrderDisputeEvidenceAddInput;
}>;


export type EvidenceAddMutation = { orderDisputeEvidenceAdd: { door: { method: string, url: string, authorization: string } | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type LineRateMutationVariables = Exact<{
  input: OrderLineRateInput;
}>;


export type LineRateMutation = { orderLineRate: { rating: { stars: number, text: string, state: RatingState, editableUntil: string } | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type CategoriesQueryVariables = Exact<{ [key: string]: never; }>;


export type CategoriesQuery = { categories: Array<{ id: string, slug: string, name: string, children: Array<{ id: string, slug: string, name: string }> }> };

export type ProductsQueryVariables = Exact<{
  first: number;
  after?: string | null | undefined;
  query?: string | null | undefined;
  filter?: ProductFilter | null | undefined;
  sort: ProductSort;
}>;


export type ProductsQuery = { products: { nodes: Array<{ id: string, slug: string, name: string, brand: string, region: string, rating: { count: number, average: number | null }, variants: Array<{ id: string, stockLevel: StockLevel, price: { amount: string, currency: string } | null }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type FacetsQueryVariables = Exact<{
  query?: string | null | undefined;
  filter?: ProductFilter | null | undefined;
}>;


export type FacetsQuery = { productFacets: { total: number, brands: Array<{ value: string, label: string, count: number }> } };

export type ProductQueryVariables = Exact<{
  slug: string;
}>;


export type ProductQuery = { product: { id: string, slug: string, name: string, description: string, brand: string, region: string, tags: Array<string>, rating: { count: number, average: number | null }, category: { id: string, name: string }, variants: Array<{ id: string, sku: string, name: string, deliveryKind: DeliveryKind, stockLevel: StockLevel, minQuantity: number, maxQuantity: number, faceValue: { amount: string, currency: string } | null, accountFields: Array<{ key: string, kind: FieldKind, label: string, help: string, required: boolean, maxLength: number | null, dependsOn: string | null, options: Array<{ value: string, label: string, when: Array<string> }> }>, price: { amount: string, currency: string } | null, compareAtPrice: { amount: string, currency: string } | null }> } | null };

export type OrderCreateMutationVariables = Exact<{
  input: OrderCreateInput;
}>;


export type OrderCreateMutation = { orderCreate: { replayed: boolean, order: { id: string, number: string } | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', key: string, code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean, required: { amount: string, currency: string } }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean, actual: { amount: string, currency: string } }
      | { __typename: 'RetryLaterError', retryAfter: number, code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', available: number, code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type OrderQueryVariables = Exact<{
  id: string | number;
}>;


export type OrderQuery = { order: { id: string, number: string, status: OrderStatus, placedAt: string, paidAt: string | null, expiresAt: string | null, nextPollAfterMs: number | null, version: number, total: { amount: string, currency: string }, refunds: Array<{ id: string, reason: RefundReason, status: RefundStatus, destination: RefundDestination, requestedAt: string, amount: { amount: string, currency: string } }>, disputes: Array<{ id: string, lineId: string, cardId: string | null, quantity: number, reason: DisputeReason, state: DisputeState, decision: string, handedOver: string | null, openedAt: string, decideBy: string | null, appealUntil: string | null, evidence: Array<{ id: string, side: DisputeSide, name: string | null, erasedAt: string | null }> }>, lines: Array<{ id: string, sku: string, quantity: number, status: LineStatus, deliveredAt: string | null, failureCode: string | null, refundedQuantity: number, rating: { stars: number, text: string, state: RatingState, editableUntil: string } | null, unitPrice: { amount: string, currency: string }, total: { amount: string, currency: string }, variant: { id: string, name: string, product: { id: string, slug: string, name: string, brand: string } }, cards: Array<{ id: string, masked: string, expiresOn: string | null, firstRevealedAt: string | null, revealCount: number }>, account: Array<{ key: string, label: string, value: string }>, delivery:
        | { __typename: 'CardDelivery' }
        | { __typename: 'ManualDelivery', note: string | null }
        | { __typename: 'TopupDelivery', receipt: string }
       | null }> } | null };

export type OrdersQueryVariables = Exact<{
  first: number;
  after?: string | null | undefined;
}>;


export type OrdersQuery = { viewer: { id: string, orders: { nodes: Array<{ id: string, number: string, status: OrderStatus, placedAt: string, total: { amount: string, currency: string }, lines: Array<{ id: string, quantity: number, variant: { id: string, name: string, product: { id: string, name: string, brand: string } } }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } } | null };

export type RevealMutationVariables = Exact<{
  input: OrderCardsRevealInput;
}>;


export type RevealMutation = { orderCardsReveal: { secrets: Array<{ cardId: string, number: string | null, secret: string, expiresOn: string | null }>, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type PaymentMethodsQueryVariables = Exact<{ [key: string]: never; }>;


export type PaymentMethodsQuery = { paymentMethods: Array<{ id: string, code: string, name: string, ways: Array<PaymentWay> }> };

export type PaymentStartMutationVariables = Exact<{
  input: PaymentStartInput;
}>;


export type PaymentStartMutation = { paymentStart: { payment: { id: string, status: PaymentStatus, expiresAt: string } | null, action:
      | { __typename: 'EmbeddedAction' }
      | { __typename: 'QrCodeAction', content: string }
      | { __typename: 'RedirectAction', url: string }
     | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type OrderCancelMutationVariables = Exact<{
  input: OrderCancelInput;
}>;


export type OrderCancelMutation = { orderCancel: { order: { id: string, status: OrderStatus, version: number } | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type PromoVisitMutationVariables = Exact<{
  input: PromoVisitInput;
}>;


export type PromoVisitMutation = { promoVisit: { landing: { code: string } | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { id: string, login: string, displayName: string, guest: boolean, wallet: { id: string, available: { amount: string, currency: string } } } | null };

export type SignUpMutationVariables = Exact<{
  input: UserCreateInput;
}>;


export type SignUpMutation = { userCreate: { accessToken: string | null, refreshToken: string | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type SignInMutationVariables = Exact<{
  input: SessionCreateInput;
}>;


export type SignInMutation = { sessionCreate: { accessToken: string | null, refreshToken: string | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type RefreshMutationVariables = Exact<{
  input: SessionRefreshInput;
}>;


export type RefreshMutation = { sessionRefresh: { accessToken: string | null, refreshToken: string | null, userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };

export type SignOutMutationVariables = Exact<{ [key: string]: never; }>;


export type SignOutMutation = { sessionRevoke: { userErrors: Array<
      | { __typename: 'AccountInvalidError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'BalanceShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CommissionShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'CouponIneligibleError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'DisputeTooLateError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'FieldError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardLockedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'GiftCardUnusableError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutAmountError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCapError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PayoutCoolingError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'PriceChangedError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'RetryLaterError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StepUpRequiredError', code: string, message: string, field: Array<string> | null, retryable: boolean }
      | { __typename: 'StockShortError', code: string, message: string, field: Array<string> | null, retryable: boolean }
    > } };


export const DisputeOpenDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"DisputeOpen"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"OrderDisputeOpenInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"orderDisputeOpen"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"disputes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<DisputeOpenMutation, DisputeOpenMutationVariables>;
export const DisputeAppealDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"DisputeAppeal"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"OrderDisputeAppealInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"orderDisputeAppeal"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"dispute"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"state"}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<DisputeAppealMutation, DisputeAppealMutationVariables>;
export const EvidenceAddDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"EvidenceAdd"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"OrderDisputeEvidenceAddInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"orderDisputeEvidenceAdd"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"door"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"method"}},{"kind":"Field","name":{"kind":"Name","value":"url"}},{"kind":"Field","name":{"kind":"Name","value":"authorization"}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<EvidenceAddMutation, EvidenceAddMutationVariables>;
export const LineRateDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"LineRate"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"OrderLineRateInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"orderLineRate"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"rating"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"stars"}},{"kind":"Field","name":{"kind":"Name","value":"text"}},{"kind":"Field","name":{"kind":"Name","value":"state"}},{"kind":"Field","name":{"kind":"Name","value":"editableUntil"}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<LineRateMutation, LineRateMutationVariables>;
export const CategoriesDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Categories"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"categories"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"slug"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"children"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"slug"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}}]}}]}}]} as unknown as DocumentNode<CategoriesQuery, CategoriesQueryVariables>;
export const ProductsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Products"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"first"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"query"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"filter"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"ProductFilter"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"sort"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ProductSort"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"products"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"Variable","name":{"kind":"Name","value":"first"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}},{"kind":"Argument","name":{"kind":"Name","value":"query"},"value":{"kind":"Variable","name":{"kind":"Name","value":"query"}}},{"kind":"Argument","name":{"kind":"Name","value":"filter"},"value":{"kind":"Variable","name":{"kind":"Name","value":"filter"}}},{"kind":"Argument","name":{"kind":"Name","value":"sort"},"value":{"kind":"Variable","name":{"kind":"Name","value":"sort"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"slug"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"brand"}},{"kind":"Field","name":{"kind":"Name","value":"region"}},{"kind":"Field","name":{"kind":"Name","value":"rating"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"count"}},{"kind":"Field","name":{"kind":"Name","value":"average"}}]}},{"kind":"Field","name":{"kind":"Name","value":"variants"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"stockLevel"}},{"kind":"Field","name":{"kind":"Name","value":"price"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]} as unknown as DocumentNode<ProductsQuery, ProductsQueryVariables>;
export const FacetsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Facets"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"query"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"filter"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"ProductFilter"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"productFacets"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"query"},"value":{"kind":"Variable","name":{"kind":"Name","value":"query"}}},{"kind":"Argument","name":{"kind":"Name","value":"filter"},"value":{"kind":"Variable","name":{"kind":"Name","value":"filter"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"total"}},{"kind":"Field","name":{"kind":"Name","value":"brands"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"value"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"count"}}]}}]}}]}}]} as unknown as DocumentNode<FacetsQuery, FacetsQueryVariables>;
export const ProductDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Product"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"slug"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"product"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"slug"},"value":{"kind":"Variable","name":{"kind":"Name","value":"slug"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"slug"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"description"}},{"kind":"Field","name":{"kind":"Name","value":"brand"}},{"kind":"Field","name":{"kind":"Name","value":"region"}},{"kind":"Field","name":{"kind":"Name","value":"tags"}},{"kind":"Field","name":{"kind":"Name","value":"rating"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"count"}},{"kind":"Field","name":{"kind":"Name","value":"average"}}]}},{"kind":"Field","name":{"kind":"Name","value":"category"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"variants"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"sku"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"deliveryKind"}},{"kind":"Field","name":{"kind":"Name","value":"stockLevel"}},{"kind":"Field","name":{"kind":"Name","value":"minQuantity"}},{"kind":"Field","name":{"kind":"Name","value":"maxQuantity"}},{"kind":"Field","name":{"kind":"Name","value":"faceValue"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}},{"kind":"Field","name":{"kind":"Name","value":"accountFields"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"key"}},{"kind":"Field","name":{"kind":"Name","value":"kind"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"help"}},{"kind":"Field","name":{"kind":"Name","value":"required"}},{"kind":"Field","name":{"kind":"Name","value":"maxLength"}},{"kind":"Field","name":{"kind":"Name","value":"dependsOn"}},{"kind":"Field","name":{"kind":"Name","value":"options"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"value"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"when"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"price"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}},{"kind":"Field","name":{"kind":"Name","value":"compareAtPrice"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}}]}}]}}]}}]} as unknown as DocumentNode<ProductQuery, ProductQueryVariables>;
export const OrderCreateDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"OrderCreate"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"OrderCreateInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"orderCreate"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"replayed"}},{"kind":"Field","name":{"kind":"Name","value":"order"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"number"}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"StockShortError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"available"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"PriceChangedError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"actual"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"BalanceShortError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"required"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"AccountInvalidError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"key"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"RetryLaterError"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"retryAfter"}}]}}]}}]}}]}}]} as unknown as DocumentNode<OrderCreateMutation, OrderCreateMutationVariables>;
export const OrderDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Order"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"order"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"placedAt"}},{"kind":"Field","name":{"kind":"Name","value":"paidAt"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"nextPollAfterMs"}},{"kind":"Field","name":{"kind":"Name","value":"version"}},{"kind":"Field","name":{"kind":"Name","value":"total"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}},{"kind":"Field","name":{"kind":"Name","value":"refunds"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"reason"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"destination"}},{"kind":"Field","name":{"kind":"Name","value":"requestedAt"}},{"kind":"Field","name":{"kind":"Name","value":"amount"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"disputes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"lineId"}},{"kind":"Field","name":{"kind":"Name","value":"cardId"}},{"kind":"Field","name":{"kind":"Name","value":"quantity"}},{"kind":"Field","name":{"kind":"Name","value":"reason"}},{"kind":"Field","name":{"kind":"Name","value":"state"}},{"kind":"Field","name":{"kind":"Name","value":"decision"}},{"kind":"Field","name":{"kind":"Name","value":"handedOver"}},{"kind":"Field","name":{"kind":"Name","value":"openedAt"}},{"kind":"Field","name":{"kind":"Name","value":"decideBy"}},{"kind":"Field","name":{"kind":"Name","value":"appealUntil"}},{"kind":"Field","name":{"kind":"Name","value":"evidence"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"side"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"erasedAt"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"lines"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"sku"}},{"kind":"Field","name":{"kind":"Name","value":"quantity"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"deliveredAt"}},{"kind":"Field","name":{"kind":"Name","value":"failureCode"}},{"kind":"Field","name":{"kind":"Name","value":"refundedQuantity"}},{"kind":"Field","name":{"kind":"Name","value":"rating"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"stars"}},{"kind":"Field","name":{"kind":"Name","value":"text"}},{"kind":"Field","name":{"kind":"Name","value":"state"}},{"kind":"Field","name":{"kind":"Name","value":"editableUntil"}}]}},{"kind":"Field","name":{"kind":"Name","value":"unitPrice"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}},{"kind":"Field","name":{"kind":"Name","value":"total"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}},{"kind":"Field","name":{"kind":"Name","value":"variant"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"product"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"slug"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"brand"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"cards"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"masked"}},{"kind":"Field","name":{"kind":"Name","value":"expiresOn"}},{"kind":"Field","name":{"kind":"Name","value":"firstRevealedAt"}},{"kind":"Field","name":{"kind":"Name","value":"revealCount"}}]}},{"kind":"Field","name":{"kind":"Name","value":"account"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"key"}},{"kind":"Field","name":{"kind":"Name","value":"label"}},{"kind":"Field","name":{"kind":"Name","value":"value"}}]}},{"kind":"Field","name":{"kind":"Name","value":"delivery"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"TopupDelivery"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"receipt"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"ManualDelivery"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"note"}}]}}]}}]}}]}}]}}]} as unknown as DocumentNode<OrderQuery, OrderQueryVariables>;
export const OrdersDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Orders"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"first"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"orders"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"first"},"value":{"kind":"Variable","name":{"kind":"Name","value":"first"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"nodes"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"placedAt"}},{"kind":"Field","name":{"kind":"Name","value":"total"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}},{"kind":"Field","name":{"kind":"Name","value":"lines"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"quantity"}},{"kind":"Field","name":{"kind":"Name","value":"variant"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"product"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"brand"}}]}}]}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"pageInfo"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"hasNextPage"}},{"kind":"Field","name":{"kind":"Name","value":"endCursor"}}]}}]}}]}}]}}]} as unknown as DocumentNode<OrdersQuery, OrdersQueryVariables>;
export const RevealDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Reveal"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"OrderCardsRevealInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"orderCardsReveal"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"secrets"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"cardId"}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"secret"}},{"kind":"Field","name":{"kind":"Name","value":"expiresOn"}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<RevealMutation, RevealMutationVariables>;
export const PaymentMethodsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"PaymentMethods"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"paymentMethods"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"ways"}}]}}]}}]} as unknown as DocumentNode<PaymentMethodsQuery, PaymentMethodsQueryVariables>;
export const PaymentStartDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"PaymentStart"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"PaymentStartInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"paymentStart"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"payment"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}}]}},{"kind":"Field","name":{"kind":"Name","value":"action"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"RedirectAction"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"url"}}]}},{"kind":"InlineFragment","typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"QrCodeAction"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"content"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<PaymentStartMutation, PaymentStartMutationVariables>;
export const OrderCancelDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"OrderCancel"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"OrderCancelInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"orderCancel"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"order"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"version"}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<OrderCancelMutation, OrderCancelMutationVariables>;
export const PromoVisitDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"PromoVisit"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"PromoVisitInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"promoVisit"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"landing"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"code"}}]}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<PromoVisitMutation, PromoVisitMutationVariables>;
export const ViewerDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"login"}},{"kind":"Field","name":{"kind":"Name","value":"displayName"}},{"kind":"Field","name":{"kind":"Name","value":"guest"}},{"kind":"Field","name":{"kind":"Name","value":"wallet"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"available"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"amount"}},{"kind":"Field","name":{"kind":"Name","value":"currency"}}]}}]}}]}}]}}]} as unknown as DocumentNode<ViewerQuery, ViewerQueryVariables>;
export const SignUpDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"SignUp"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"UserCreateInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"userCreate"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"accessToken"}},{"kind":"Field","name":{"kind":"Name","value":"refreshToken"}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<SignUpMutation, SignUpMutationVariables>;
export const SignInDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"SignIn"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"SessionCreateInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"sessionCreate"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"accessToken"}},{"kind":"Field","name":{"kind":"Name","value":"refreshToken"}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<SignInMutation, SignInMutationVariables>;
export const RefreshDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Refresh"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"SessionRefreshInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"sessionRefresh"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"accessToken"}},{"kind":"Field","name":{"kind":"Name","value":"refreshToken"}},{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<RefreshMutation, RefreshMutationVariables>;
export const SignOutDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"SignOut"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"sessionRevoke"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"ObjectValue","fields":[]}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"userErrors"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"__typename"}},{"kind":"Field","name":{"kind":"Name","value":"code"}},{"kind":"Field","name":{"kind":"Name","value":"message"}},{"kind":"Field","name":{"kind":"Name","value":"field"}},{"kind":"Field","name":{"kind":"Name","value":"retryable"}}]}}]}}]}}]} as unknown as DocumentNode<SignOutMutation, SignOutMutationVariables>;