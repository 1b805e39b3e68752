import { graphql } from "../gql";

export const OrderCreateMutation = graphql(/* GraphQL */ `
  mutation OrderCreate($input: OrderCreateInput!) {
    orderCreate(input: $input) {
      replayed
      order { id number }
      userErrors {
        __typename code message field retryable
        ... on StockShortError { available }
        ... on PriceChangedError { actual { amount currency } }
        ... on BalanceShortError { required { amount currency } }
        ... on AccountInvalidError { key }
        ... on RetryLaterError { retryAfter }
      }
    }
  }
`);

export const OrderQuery = graphql(/* GraphQL */ `
  query Order($id: ID!) {
    order(id: $id) {
      id number status placedAt paidAt expiresAt nextPollAfterMs version
      total { amount currency }
      refunds { id reason status destination requestedAt amount { amount currency } }
      disputes {
        id lineId cardId quantity reason state decision handedOver openedAt decideBy appealUntil
        evidence { id side name erasedAt }
      }
      lines {
        id sku quantity status deliveredAt failureCode refundedQuantity
        rating { stars text state editableUntil }
        unitPrice { amount currency }
        total { amount currency }
        variant { id name product { id slug name brand } }
        cards { id masked expiresOn firstRevealedAt revealCount }
        account { key label value }
        delivery { __typename ... on TopupDelivery { receipt } ... on ManualDelivery { note } }
      }
    }
  }
`);

export const OrdersQuery = graphql(/* GraphQL */ `
  query Orders($first: Int!, $after: String) {
    viewer {
      id
      orders(first: $first, after: $after) {
        nodes {
          id number status placedAt
          total { amount currency }
          lines { id quantity variant { id name product { id name brand } } }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

export const RevealMutation = graphql(/* GraphQL */ `
  mutation Reveal($input: OrderCardsRevealInput!) {
    orderCardsReveal(input: $input) {
      secrets { cardId number secret expiresOn }
      userErrors { __typename code message field retryable }
    }
  }
`);
