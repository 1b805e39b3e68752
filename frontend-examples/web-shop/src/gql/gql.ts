/* eslint-disable */
import * as types from './graphql';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  mutation DisputeOpen($input: OrderDisputeOpenInput!) {\n    orderDisputeOpen(input: $input) {\n      disputes { id }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.DisputeOpenDocument,
    "\n  mutation DisputeAppeal($input: OrderDisputeAppealInput!) {\n    orderDisputeAppeal(input: $input) {\n      dispute { id state }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.DisputeAppealDocument,
    "\n  mutation EvidenceAdd($input: OrderDisputeEvidenceAddInput!) {\n    orderDisputeEvidenceAdd(input: $input) {\n      door { method url authorization }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.EvidenceAddDocument,
    "\n  mutation LineRate($input: OrderLineRateInput!) {\n    orderLineRate(input: $input) {\n      rating { stars text state editableUntil }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.LineRateDocument,
    "\n  query Categories {\n    categories { id slug name children { id slug name } }\n  }\n": typeof types.CategoriesDocument,
    "\n  query Products(\n    $first: Int!, $after: String, $query: String, $filter: ProductFilter, $sort: ProductSort!\n  ) {\n    products(first: $first, after: $after, query: $query, filter: $filter, sort: $sort) {\n      nodes {\n        id slug name brand region\n        rating { count average }\n        variants { id stockLevel price { amount currency } }\n      }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n": typeof types.ProductsDocument,
    "\n  query Facets($query: String, $filter: ProductFilter) {\n    productFacets(query: $query, filter: $filter) {\n      total\n      brands { value label count }\n    }\n  }\n": typeof types.FacetsDocument,
    "\n  query Product($slug: String!) {\n    product(slug: $slug) {\n      id slug name description brand region tags\n      rating { count average }\n      category { id name }\n      variants {\n        id sku name deliveryKind stockLevel minQuantity maxQuantity\n        faceValue { amount currency }\n        accountFields {\n          key kind label help required maxLength dependsOn\n          options { value label when }\n        }\n        price { amount currency }\n        compareAtPrice { amount currency }\n      }\n    }\n  }\n": typeof types.ProductDocument,
    "\n  mutation OrderCreate($input: OrderCreateInput!) {\n    orderCreate(input: $input) {\n      replayed\n      order { id number }\n      userErrors {\n        __typename code message field retryable\n        ... on StockShortError { available }\n        ... on PriceChangedError { actual { amount currency } }\n        ... on BalanceShortError { required { amount currency } }\n        ... on AccountInvalidError { key }\n        ... on RetryLaterError { retryAfter }\n      }\n    }\n  }\n": typeof types.OrderCreateDocument,
    "\n  query Order($id: ID!) {\n    order(id: $id) {\n      id number status placedAt paidAt expiresAt nextPollAfterMs version\n      total { amount currency }\n      refunds { id reason status destination requestedAt amount { amount currency } }\n      disputes {\n        id lineId cardId quantity reason state decision handedOver openedAt decideBy appealUntil\n        evidence { id side name erasedAt }\n      }\n      lines {\n        id sku quantity status deliveredAt failureCode refundedQuantity\n        rating { stars text state editableUntil }\n        unitPrice { amount currency }\n        total { amount currency }\n        variant { id name product { id slug name brand } }\n        cards { id masked expiresOn firstRevealedAt revealCount }\n        account { key label value }\n        delivery { __typename ... on TopupDelivery { receipt } ... on ManualDelivery { note } }\n      }\n    }\n  }\n": typeof types.OrderDocument,
    "\n  query Orders($first: Int!, $after: String) {\n    viewer {\n      id\n      orders(first: $first, after: $after) {\n        nodes {\n          id number status placedAt\n          total { amount currency }\n          lines { id quantity variant { id name product { id name brand } } }\n        }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n": typeof types.OrdersDocument,
    "\n  mutation Reveal($input: OrderCardsRevealInput!) {\n    orderCardsReveal(input: $input) {\n      secrets { cardId number secret expiresOn }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.RevealDocument,
    "\n  query PaymentMethods {\n    paymentMethods { id code name ways }\n  }\n": typeof types.PaymentMethodsDocument,
    "\n  mutation PaymentStart($input: PaymentStartInput!) {\n    paymentStart(input: $input) {\n      payment { id status expiresAt }\n      action {\n        __typename\n        ... on RedirectAction { url }\n        ... on QrCodeAction { content }\n      }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.PaymentStartDocument,
    "\n  mutation OrderCancel($input: OrderCancelInput!) {\n    orderCancel(input: $input) {\n      order { id status version }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.OrderCancelDocument,
    "\n  mutation PromoVisit($input: PromoVisitInput!) {\n    promoVisit(input: $input) { landing { code } userErrors { __typename code message field retryable } }\n  }\n": typeof types.PromoVisitDocument,
    "\n  query Viewer {\n    viewer { id login displayName guest wallet { id available { amount currency } } }\n  }\n": typeof types.ViewerDocument,
    "\n  mutation SignUp($input: UserCreateInput!) {\n    userCreate(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.SignUpDocument,
    "\n  mutation SignIn($input: SessionCreateInput!) {\n    sessionCreate(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.SignInDocument,
    "\n  mutation Refresh($input: SessionRefreshInput!) {\n    sessionRefresh(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n": typeof types.RefreshDocument,
    "\n  mutation SignOut {\n    sessionRevoke(input: {}) { userErrors { __typename code message field retryable } }\n  }\n": typeof types.SignOutDocument,
};
const documents: Documents = {
    "\n  mutation DisputeOpen($input: OrderDisputeOpenInput!) {\n    orderDisputeOpen(input: $input) {\n      disputes { id }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.DisputeOpenDocument,
    "\n  mutation DisputeAppeal($input: OrderDisputeAppealInput!) {\n    orderDisputeAppeal(input: $input) {\n      dispute { id state }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.DisputeAppealDocument,
    "\n  mutation EvidenceAdd($input: OrderDisputeEvidenceAddInput!) {\n    orderDisputeEvidenceAdd(input: $input) {\n      door { method url authorization }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.EvidenceAddDocument,
    "\n  mutation LineRate($input: OrderLineRateInput!) {\n    orderLineRate(input: $input) {\n      rating { stars text state editableUntil }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.LineRateDocument,
    "\n  query Categories {\n    categories { id slug name children { id slug name } }\n  }\n": types.CategoriesDocument,
    "\n  query Products(\n    $first: Int!, $after: String, $query: String, $filter: ProductFilter, $sort: ProductSort!\n  ) {\n    products(first: $first, after: $after, query: $query, filter: $filter, sort: $sort) {\n      nodes {\n        id slug name brand region\n        rating { count average }\n        variants { id stockLevel price { amount currency } }\n      }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n": types.ProductsDocument,
    "\n  query Facets($query: String, $filter: ProductFilter) {\n    productFacets(query: $query, filter: $filter) {\n      total\n      brands { value label count }\n    }\n  }\n": types.FacetsDocument,
    "\n  query Product($slug: String!) {\n    product(slug: $slug) {\n      id slug name description brand region tags\n      rating { count average }\n      category { id name }\n      variants {\n        id sku name deliveryKind stockLevel minQuantity maxQuantity\n        faceValue { amount currency }\n        accountFields {\n          key kind label help required maxLength dependsOn\n          options { value label when }\n        }\n        price { amount currency }\n        compareAtPrice { amount currency }\n      }\n    }\n  }\n": types.ProductDocument,
    "\n  mutation OrderCreate($input: OrderCreateInput!) {\n    orderCreate(input: $input) {\n      replayed\n      order { id number }\n      userErrors {\n        __typename code message field retryable\n        ... on StockShortError { available }\n        ... on PriceChangedError { actual { amount currency } }\n        ... on BalanceShortError { required { amount currency } }\n        ... on AccountInvalidError { key }\n        ... on RetryLaterError { retryAfter }\n      }\n    }\n  }\n": types.OrderCreateDocument,
    "\n  query Order($id: ID!) {\n    order(id: $id) {\n      id number status placedAt paidAt expiresAt nextPollAfterMs version\n      total { amount currency }\n      refunds { id reason status destination requestedAt amount { amount currency } }\n      disputes {\n        id lineId cardId quantity reason state decision handedOver openedAt decideBy appealUntil\n        evidence { id side name erasedAt }\n      }\n      lines {\n        id sku quantity status deliveredAt failureCode refundedQuantity\n        rating { stars text state editableUntil }\n        unitPrice { amount currency }\n        total { amount currency }\n        variant { id name product { id slug name brand } }\n        cards { id masked expiresOn firstRevealedAt revealCount }\n        account { key label value }\n        delivery { __typename ... on TopupDelivery { receipt } ... on ManualDelivery { note } }\n      }\n    }\n  }\n": types.OrderDocument,
    "\n  query Orders($first: Int!, $after: String) {\n    viewer {\n      id\n      orders(first: $first, after: $after) {\n        nodes {\n          id number status placedAt\n          total { amount currency }\n          lines { id quantity variant { id name product { id name brand } } }\n        }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n": types.OrdersDocument,
    "\n  mutation Reveal($input: OrderCardsRevealInput!) {\n    orderCardsReveal(input: $input) {\n      secrets { cardId number secret expiresOn }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.RevealDocument,
    "\n  query PaymentMethods {\n    paymentMethods { id code name ways }\n  }\n": types.PaymentMethodsDocument,
    "\n  mutation PaymentStart($input: PaymentStartInput!) {\n    paymentStart(input: $input) {\n      payment { id status expiresAt }\n      action {\n        __typename\n        ... on RedirectAction { url }\n        ... on QrCodeAction { content }\n      }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.PaymentStartDocument,
    "\n  mutation OrderCancel($input: OrderCancelInput!) {\n    orderCancel(input: $input) {\n      order { id status version }\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.OrderCancelDocument,
    "\n  mutation PromoVisit($input: PromoVisitInput!) {\n    promoVisit(input: $input) { landing { code } userErrors { __typename code message field retryable } }\n  }\n": types.PromoVisitDocument,
    "\n  query Viewer {\n    viewer { id login displayName guest wallet { id available { amount currency } } }\n  }\n": types.ViewerDocument,
    "\n  mutation SignUp($input: UserCreateInput!) {\n    userCreate(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.SignUpDocument,
    "\n  mutation SignIn($input: SessionCreateInput!) {\n    sessionCreate(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.SignInDocument,
    "\n  mutation Refresh($input: SessionRefreshInput!) {\n    sessionRefresh(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n": types.RefreshDocument,
    "\n  mutation SignOut {\n    sessionRevoke(input: {}) { userErrors { __typename code message field retryable } }\n  }\n": types.SignOutDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation DisputeOpen($input: OrderDisputeOpenInput!) {\n    orderDisputeOpen(input: $input) {\n      disputes { id }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation DisputeOpen($input: OrderDisputeOpenInput!) {\n    orderDisputeOpen(input: $input) {\n      disputes { id }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation DisputeAppeal($input: OrderDisputeAppealInput!) {\n    orderDisputeAppeal(input: $input) {\n      dispute { id state }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation DisputeAppeal($input: OrderDisputeAppealInput!) {\n    orderDisputeAppeal(input: $input) {\n      dispute { id state }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation EvidenceAdd($input: OrderDisputeEvidenceAddInput!) {\n    orderDisputeEvidenceAdd(input: $input) {\n      door { method url authorization }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation EvidenceAdd($input: OrderDisputeEvidenceAddInput!) {\n    orderDisputeEvidenceAdd(input: $input) {\n      door { method url authorization }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation LineRate($input: OrderLineRateInput!) {\n    orderLineRate(input: $input) {\n      rating { stars text state editableUntil }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation LineRate($input: OrderLineRateInput!) {\n    orderLineRate(input: $input) {\n      rating { stars text state editableUntil }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Categories {\n    categories { id slug name children { id slug name } }\n  }\n"): (typeof documents)["\n  query Categories {\n    categories { id slug name children { id slug name } }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Products(\n    $first: Int!, $after: String, $query: String, $filter: ProductFilter, $sort: ProductSort!\n  ) {\n    products(first: $first, after: $after, query: $query, filter: $filter, sort: $sort) {\n      nodes {\n        id slug name brand region\n        rating { count average }\n        variants { id stockLevel price { amount currency } }\n      }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n"): (typeof documents)["\n  query Products(\n    $first: Int!, $after: String, $query: String, $filter: ProductFilter, $sort: ProductSort!\n  ) {\n    products(first: $first, after: $after, query: $query, filter: $filter, sort: $sort) {\n      nodes {\n        id slug name brand region\n        rating { count average }\n        variants { id stockLevel price { amount currency } }\n      }\n      pageInfo { hasNextPage endCursor }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Facets($query: String, $filter: ProductFilter) {\n    productFacets(query: $query, filter: $filter) {\n      total\n      brands { value label count }\n    }\n  }\n"): (typeof documents)["\n  query Facets($query: String, $filter: ProductFilter) {\n    productFacets(query: $query, filter: $filter) {\n      total\n      brands { value label count }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Product($slug: String!) {\n    product(slug: $slug) {\n      id slug name description brand region tags\n      rating { count average }\n      category { id name }\n      variants {\n        id sku name deliveryKind stockLevel minQuantity maxQuantity\n        faceValue { amount currency }\n        accountFields {\n          key kind label help required maxLength dependsOn\n          options { value label when }\n        }\n        price { amount currency }\n        compareAtPrice { amount currency }\n      }\n    }\n  }\n"): (typeof documents)["\n  query Product($slug: String!) {\n    product(slug: $slug) {\n      id slug name description brand region tags\n      rating { count average }\n      category { id name }\n      variants {\n        id sku name deliveryKind stockLevel minQuantity maxQuantity\n        faceValue { amount currency }\n        accountFields {\n          key kind label help required maxLength dependsOn\n          options { value label when }\n        }\n        price { amount currency }\n        compareAtPrice { amount currency }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation OrderCreate($input: OrderCreateInput!) {\n    orderCreate(input: $input) {\n      replayed\n      order { id number }\n      userErrors {\n        __typename code message field retryable\n        ... on StockShortError { available }\n        ... on PriceChangedError { actual { amount currency } }\n        ... on BalanceShortError { required { amount currency } }\n        ... on AccountInvalidError { key }\n        ... on RetryLaterError { retryAfter }\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation OrderCreate($input: OrderCreateInput!) {\n    orderCreate(input: $input) {\n      replayed\n      order { id number }\n      userErrors {\n        __typename code message field retryable\n        ... on StockShortError { available }\n        ... on PriceChangedError { actual { amount currency } }\n        ... on BalanceShortError { required { amount currency } }\n        ... on AccountInvalidError { key }\n        ... on RetryLaterError { retryAfter }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Order($id: ID!) {\n    order(id: $id) {\n      id number status placedAt paidAt expiresAt nextPollAfterMs version\n      total { amount currency }\n      refunds { id reason status destination requestedAt amount { amount currency } }\n      disputes {\n        id lineId cardId quantity reason state decision handedOver openedAt decideBy appealUntil\n        evidence { id side name erasedAt }\n      }\n      lines {\n        id sku quantity status deliveredAt failureCode refundedQuantity\n        rating { stars text state editableUntil }\n        unitPrice { amount currency }\n        total { amount currency }\n        variant { id name product { id slug name brand } }\n        cards { id masked expiresOn firstRevealedAt revealCount }\n        account { key label value }\n        delivery { __typename ... on TopupDelivery { receipt } ... on ManualDelivery { note } }\n      }\n    }\n  }\n"): (typeof documents)["\n  query Order($id: ID!) {\n    order(id: $id) {\n      id number status placedAt paidAt expiresAt nextPollAfterMs version\n      total { amount currency }\n      refunds { id reason status destination requestedAt amount { amount currency } }\n      disputes {\n        id lineId cardId quantity reason state decision handedOver openedAt decideBy appealUntil\n        evidence { id side name erasedAt }\n      }\n      lines {\n        id sku quantity status deliveredAt failureCode refundedQuantity\n        rating { stars text state editableUntil }\n        unitPrice { amount currency }\n        total { amount currency }\n        variant { id name product { id slug name brand } }\n        cards { id masked expiresOn firstRevealedAt revealCount }\n        account { key label value }\n        delivery { __typename ... on TopupDelivery { receipt } ... on ManualDelivery { note } }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Orders($first: Int!, $after: String) {\n    viewer {\n      id\n      orders(first: $first, after: $after) {\n        nodes {\n          id number status placedAt\n          total { amount currency }\n          lines { id quantity variant { id name product { id name brand } } }\n        }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n"): (typeof documents)["\n  query Orders($first: Int!, $after: String) {\n    viewer {\n      id\n      orders(first: $first, after: $after) {\n        nodes {\n          id number status placedAt\n          total { amount currency }\n          lines { id quantity variant { id name product { id name brand } } }\n        }\n        pageInfo { hasNextPage endCursor }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Reveal($input: OrderCardsRevealInput!) {\n    orderCardsReveal(input: $input) {\n      secrets { cardId number secret expiresOn }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation Reveal($input: OrderCardsRevealInput!) {\n    orderCardsReveal(input: $input) {\n      secrets { cardId number secret expiresOn }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query PaymentMethods {\n    paymentMethods { id code name ways }\n  }\n"): (typeof documents)["\n  query PaymentMethods {\n    paymentMethods { id code name ways }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation PaymentStart($input: PaymentStartInput!) {\n    paymentStart(input: $input) {\n      payment { id status expiresAt }\n      action {\n        __typename\n        ... on RedirectAction { url }\n        ... on QrCodeAction { content }\n      }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation PaymentStart($input: PaymentStartInput!) {\n    paymentStart(input: $input) {\n      payment { id status expiresAt }\n      action {\n        __typename\n        ... on RedirectAction { url }\n        ... on QrCodeAction { content }\n      }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation OrderCancel($input: OrderCancelInput!) {\n    orderCancel(input: $input) {\n      order { id status version }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation OrderCancel($input: OrderCancelInput!) {\n    orderCancel(input: $input) {\n      order { id status version }\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation PromoVisit($input: PromoVisitInput!) {\n    promoVisit(input: $input) { landing { code } userErrors { __typename code message field retryable } }\n  }\n"): (typeof documents)["\n  mutation PromoVisit($input: PromoVisitInput!) {\n    promoVisit(input: $input) { landing { code } userErrors { __typename code message field retryable } }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Viewer {\n    viewer { id login displayName guest wallet { id available { amount currency } } }\n  }\n"): (typeof documents)["\n  query Viewer {\n    viewer { id login displayName guest wallet { id available { amount currency } } }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignUp($input: UserCreateInput!) {\n    userCreate(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation SignUp($input: UserCreateInput!) {\n    userCreate(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignIn($input: SessionCreateInput!) {\n    sessionCreate(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation SignIn($input: SessionCreateInput!) {\n    sessionCreate(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Refresh($input: SessionRefreshInput!) {\n    sessionRefresh(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n"): (typeof documents)["\n  mutation Refresh($input: SessionRefreshInput!) {\n    sessionRefresh(input: $input) {\n      accessToken refreshToken\n      userErrors { __typename code message field retryable }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignOut {\n    sessionRevoke(input: {}) { userErrors { __typename code message field retryable } }\n  }\n"): (typeof documents)["\n  mutation SignOut {\n    sessionRevoke(input: {}) { userErrors { __typename code message field retryable } }\n  }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;