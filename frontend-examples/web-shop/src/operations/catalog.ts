import { graphql } from "../gql";

export const CategoriesQuery = graphql(/* GraphQL */ `
  query Categories {
    categories { id slug name children { id slug name } }
  }
`);

export const ProductsQuery = graphql(/* GraphQL */ `
  query Products($first: Int!, $after: String, $query: String, $category: ID) {
    products(first: $first, after: $after, query: $query, category: $category) {
      nodes {
        id slug name brand region
        variants { id stockLevel price { amount currency } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

export const ProductQuery = graphql(/* GraphQL */ `
  query Product($slug: String!) {
    product(slug: $slug) {
      id slug name description brand region tags
      category { id name }
      variants {
        id sku name deliveryKind stockLevel minQuantity maxQuantity
        faceValue { amount currency }
        accountFields {
          key kind label help required maxLength dependsOn
          options { value label when }
        }
        price { amount currency }
        compareAtPrice { amount currency }
      }
    }
  }
`);
