import { graphql } from "../gql";

export const PromoVisitMutation = graphql(/* GraphQL */ `
  mutation PromoVisit($input: PromoVisitInput!) {
    promoVisit(input: $input) { landing { code } userErrors { __typename code message field retryable } }
  }
`);
