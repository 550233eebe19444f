Feature: Code via Telegram Bot
  As a developer on the way
  I want to have code changed, checked and taken back from my phone
  So that I need no computer to mend what is broken

  Background:
    Given I am logged in as operator
    And I work on the project "shop", in which a test fails

  Scenario: The failing test passes in two steps
    Given the assistant mends the code
    When I send "/code Make the failing test pass"
    And the work is done
    Then I should see "read_file app.py"
    And I should see "merged"
    And the message holds "🧪 Tests: passed"
    And the message holds "app.py  +1 −1"
    And git log says "Add instead of subtracting"

  Scenario: I look at the change and take it back
    Given the assistant mends the code
    And I sent "/code Make the failing test pass"
    And the work is done
    When I see "merged"
    And I press "Diff"
    And the work is done
    Then I should see "+    return a + b"
    When I see "merged"
    And I press "Undo"
    And the work is done
    Then I should see "Undo in shop by a new commit"
    When I press "Approve"
    And the work is done
    Then I should see "undone"
    And git log says "Undo: Make the failing test pass"

  Scenario: What fails its tests waits until I keep it
    Given the assistant adds a module and mends nothing
    When I send "/code Add a module"
    And the work is done
    Then I should see "The tests fail, so nothing is merged."
    And git log does not say "Add a module"
    When I press "Keep"
    And the work is done
    Then I should see "merged"
    And git log says "Add a module"

  Scenario: A command that nobody allowed is asked about
    Given the assistant wants to run "sort app.py"
    When I send "/code How long is the app?"
    And the work is done
    Then I should see "shop: sort app.py"
    When I press "Approve"
    And the work is done
    Then I should see "It is short."

  Scenario: I say what I think of it
    Given the assistant mends the code
    And I sent "/code Make the failing test pass"
    And the work is done
    When I see "merged"
    And I press "👎"
    Then I should see "What was wrong?"
    And my feedback is kept

  Scenario: I stop it
    Given I sent "/code Make the failing test pass"
    When I send "/stop"
    Then I should see "Stopping."
    And I should see "stopped"
    And git log does not say "Add instead of subtracting"

  Scenario: A stranger changes nothing
    When Charlie sends "/code Make the failing test pass"
    Then nothing is being worked on
