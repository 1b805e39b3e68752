import { graphql } from "../gql";

export const ViewerQuery = graphql(/* GraphQL */ `
  query Viewer {
    viewer { id login displayName guest wallet { id available { amount currency } } }
  }
`);

export const SignUpMutation = graphql(/* GraphQL */ `
  mutation SignUp($input: UserCreateInput!) {
    userCreate(input: $input) {
      accessToken refreshToken
      userErrors { __typename code message field retryable }
    }
  }
`);

export const SignInMutation = graphql(/* GraphQL */ `
  mutation SignIn($input: SessionCreateInput!) {
    sessionCreate(input: $input) {
      accessToken refreshToken
      userErrors { __typename code message field retryable }
    }
  }
`);

export const RefreshMutation = graphql(/* GraphQL */ `
  mutation Refresh($input: SessionRefreshInput!) {
    sessionRefresh(input: $input) {
      accessToken refreshToken
      userErrors { __typename code message field retryable }
    }
  }
`);

export const SignOutMutation = graphql(/* GraphQL */ `
  mutation SignOut {
    sessionRevoke(input: {}) { userErrors { __typename code message field retryable } }
  }
`);
