import { graphql } from "../gql";

export const DisputeOpenMutation = graphql(/* GraphQL */ `
  mutation DisputeOpen($input: OrderDisputeOpenInput!) {
    orderDisputeOpen(input: $input) {
      disputes { id }
      userErrors { __typename code message field retryable }
    }
  }
`);

export const DisputeAppealMutation = graphql(/* GraphQL */ `
  mutation DisputeAppeal($input: OrderDisputeAppealInput!) {
    orderDisputeAppeal(input: $input) {
      dispute { id state }
      userErrors { __typename code message field retryable }
    }
  }
`);

export const EvidenceAddMutation = graphql(/* GraphQL */ `
  mutation EvidenceAdd($input: OrderDisputeEvidenceAddInput!) {
    orderDisputeEvidenceAdd(input: $input) {
      door { method url authorization }
      userErrors { __typename code message field retryable }
    }
  }
`);

export const LineRateMutation = graphql(/* GraphQL */ `
  mutation LineRate($input: OrderLineRateInput!) {
    orderLineRate(input: $input) {
      rating { stars text state editableUntil }
      userErrors { __typename code message field retryable }
    }
  }
`);
