import { graphql } from "../gql";

export const PaymentMethodsQuery = graphql(/* GraphQL */ `
  query PaymentMethods {
    paymentMethods { id code name ways }
  }
`);

export const PaymentStartMutation = graphql(/* GraphQL */ `
  mutation PaymentStart($input: PaymentStartInput!) {
    paymentStart(input: $input) {
      payment { id status expiresAt }
      action {
        __typename
        ... on RedirectAction { url }
        ... on QrCodeAction { content }
      }
      userErrors { __typename code message field retryable }
    }
  }
`);

export const OrderCancelMutation = graphql(/* GraphQL */ `
  mutation OrderCancel($input: OrderCancelInput!) {
    orderCancel(input: $input) {
      order { id status version }
      userErrors { __typename code message field retryable }
    }
  }
`);
