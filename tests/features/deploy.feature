Feature: Deploy via Telegram Bot
  As a developer on the way
  I want to deploy and undo from my phone
  So that nobody has to open a laptop

  Background:
    Given I am logged in as admin
    And my project "shop" is served on loopback

  Scenario: Successful deployment
    When I send "/deploy staging"
    Then I should see "🚀 Deploying to staging..."
    And deployment should succeed
    And I should see "✅ Deployment complete"
    And the service should answer "one"

  Scenario: Deploy without tests
    Given tests are failing
    When I send "/deploy production"
    Then I should see "❌ Tests failed"
    And I should see "FAILED tests/test_shop.py::test_total"
    And deployment should be aborted

  Scenario: Deploy when there are no tests at all
    Given the project has no tests
    When I send "/deploy staging"
    Then I should see "There are no tests"
    And deployment should be aborted

  Scenario: A broken release goes back by itself
    Given I have sent "/deploy staging"
    And a release "two" that is broken
    When I send "/deploy staging"
    Then I should see "❌ The release failed, and the one before is back"
    And the service should answer "one"

  Scenario: Rollback
    Given I have sent "/deploy staging"
    And a release "two" that works
    And I have sent "/deploy staging"
    And the service should answer "two"
    When I send "/rollback staging"
    Then I should see "✅ Rollback complete"
    And the service should answer "one"

  Scenario: Production waits for an approval
    Given production needs an approval
    When I send "/deploy production"
    Then I should see "❓ May this run?"
    When I send "/approve-production"
    Then I should see "✅ Deployment complete"

  Scenario: A stranger deploys nothing
    When Charlie sends "/deploy staging"
    Then deployment should be aborted
